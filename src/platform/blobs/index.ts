export { fileBlobs } from './file-system.ts'
export { checkKey } from './key.ts'
export { memoryBlobs } from './memory.ts'
export type { Blob, BlobEntry, BlobInfo, Blobs } from './port.ts'
