import Type from 'typebox'
import { text } from '../../mlflow/fields.ts'

export const listFolder = Type.Object({ path: Type.Optional(text) })
export const listOfRun = Type.Object({ run_id: Type.Optional(text), run_uuid: Type.Optional(text), path: Type.Optional(text), page_token: Type.Optional(text) })
export const listOfModel = Type.Object({ model_id: text, artifact_directory_path: Type.Optional(text), page_token: Type.Optional(text) })
export const fileOfRun = Type.Object({ run_id: Type.Optional(text), run_uuid: Type.Optional(text), path: text })
export const fileOfVersion = Type.Object({ name: text, version: text, path: text })
export const fileOfModel = Type.Object({ model_id: text, artifact_file_path: text })
export const uploadToRun = Type.Object({ run_uuid: text, path: text })
