export { createHostCheck } from './hosts.ts'
export { PROBLEM_CONTENT_TYPE, type Problem, toProblem } from './problem.ts'
export { type HttpOptions, type HttpServer, type RequestTaker, createHttpServer, listen, requestId } from './server.ts'
