import Type from 'typebox'
import { int64, text } from '../../mlflow/fields.ts'

export const listFolder = Type.Object({ path: Type.Optional(text) })
export const listOfRun = Type.Object({ run_id: Type.Optional(text), run_uuid: Type.Optional(text), path: Type.Optional(text), page_token: Type.Optional(text) })
export const listOfModel = Type.Object({ model_id: text, artifact_directory_path: Type.Optional(text), page_token: Type.Optional(text) })
export const fileOfRun = Type.Object({ run_id: Type.Optional(text), run_uuid: Type.Optional(text), path: text })
export const fileOfVersion = Type.Object({ name: text, version: text, path: text })
export const fileOfModel = Type.Object({ model_id: text, artifact_file_path: text })
export const beginParts = Type.Object({ path: text, num_parts: Type.Optional(int64) })
export const completeParts = Type.Object({ path: text, upload_id: text, parts: Type.Array(Type.Object({ part_number: int64, etag: text })) })
export const abortParts = Type.Object({ path: text, upload_id: text })
export const presigned = Type.Object({})
export const presignUpload = Type.Object({ run_id: Type.Optional(text), model_id: Type.Optional(text), path: text, expiration: Type.Optional(int64) })
export const presignDownload = Type.Object({ run_id: text, path: text, expiration: Type.Optional(int64) })
export const uploadToRun = Type.Object({ run_uuid: text, path: text })
