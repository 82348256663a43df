import { join } from 'node:path'
import { Client, Metadata, type ServiceError, credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const OPTIONS = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true } as const

export interface GrpcAnswer {
  readonly code: number
  readonly message: string
  readonly body: Readonly<Record<string, unknown>>
  readonly metadata: Metadata
}

export type Call = (method: string, request: object, metadata?: Readonly<Record<string, string>>, deadlineMs?: number) => Promise<GrpcAnswer>

/** A client of one service; an error becomes an answer with its code. */
export function grpcClient(port: number, service: string, proto: string = join(import.meta.dirname, 'open_inference.proto')): { readonly call: Call; readonly client: Client } {
  const definition = loadSync(proto, OPTIONS)
  loadPackageDefinition(definition)
  const methods = definition[service] ?? {}
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  return {
    client,
    call: (name, request, metadata = {}, deadlineMs = 20_000) => {
      const method: unknown = Reflect.get(methods, name)
      if (!isMethod(method)) throw new Error(`${service} has no ${name}`)
      const sent = new Metadata()
      for (const [key, value] of Object.entries(metadata)) sent.set(key, value)
      return new Promise((resolve) => {
        let headers = new Metadata()
        const call = client.makeUnaryRequest<object, Record<string, unknown>>(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          sent,
          { deadline: Date.now() + deadlineMs },
          (error: ServiceError | null, body) => resolve({ code: error?.code ?? 0, message: error?.details ?? '', body: body ?? {}, metadata: error?.metadata ?? headers }),
        )
        call.on('metadata', (received: Metadata) => (headers = received))
      })
    },
  }
}

interface Method {
  readonly path: string
  readonly requestSerialize: (value: object) => Buffer
  readonly responseDeserialize: (bytes: Buffer) => Record<string, unknown>
}

function isMethod(value: unknown): value is Method {
  return typeof value === 'object' && value !== null && 'path' in value
}
