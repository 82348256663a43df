export { createHostCheck } from './hosts.ts'
export { checkPublicHost, publicOnlyAgent } from './outbound.ts'
export type { Problem } from './problem.ts'
export { type HttpOptions, type HttpServer, type RequestTaker, createHttpServer, listen, requestId } from './server.ts'
