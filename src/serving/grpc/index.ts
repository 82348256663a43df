import { fileURLToPath } from 'node:url'
import { Server, ServerCredentials, logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import { type ServiceDefinition, loadSync } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import { portHolder } from '../../platform/http/port-holder.ts'
import { ANSWER_MS } from '../limits/stopping.ts'
import { isReady } from '../protocols/v2/server.ts'
import type { BodyLimits } from '../protocols/body.ts'
import { boundedService } from './bounds.ts'
import { type CallOptions, inferenceCalls } from './calls.ts'
import { Health } from './health.ts'
import { Receiving, receivingInterceptor } from './receiving.ts'

export interface GrpcOptions extends CallOptions {
  readonly host: string
  readonly port: number
  /** Bytes of one message: the limits that bodies have over HTTP. */
  readonly limits: BodyLimits
}

export interface GrpcServer {
  /** Refuses what is new, and resolves when every call that was begun has its answer, or patience is at its end. */
  readonly stop: () => Promise<void>
}

const SERVICE = 'inference.GRPCInferenceService'
const PROTO = fileURLToPath(new URL('./open_inference.proto', import.meta.url))
/** Calls of one connection at a time, each of which may hold a message; the rest wait at the client. */
const CALLS_AT_ONCE = 64
/** Of all connections: messages that are not whole yet, and what those may hold together. */
const RECEIVING = { waiting: 1024, patienceMs: 1000 }
const RECEIVING_BYTES = 128 * 1024 * 1024
const [FEWEST_AT_ONCE, MOST_AT_ONCE] = [4, 16]

/** Serves the Open Inference Protocol V2 over gRPC, with health and reflection, in the clear. PORT_TAKEN where it cannot listen. */
export async function startGrpc(options: GrpcOptions): Promise<GrpcServer> {
  const { host, port, limits, router, lifecycle } = options
  // It writes to stderr what it gives as errors too.
  setLogVerbosity(logVerbosity.NONE)
  const definition = loadSync(PROTO, { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true })
  const receiving = new Receiving({ ...RECEIVING, atOnce: Math.max(FEWEST_AT_ONCE, Math.min(MOST_AT_ONCE, Math.floor(RECEIVING_BYTES / limits.raw))) })
  const server = new Server({ 'grpc.max_receive_message_length': limits.raw, 'grpc.max_concurrent_streams': CALLS_AT_ONCE, interceptors: [receivingInterceptor(receiving)] })
  server.addService(boundedService(definition[SERVICE] as ServiceDefinition, limits.parsed), inferenceCalls(options))
  const health = new Health(['', SERVICE], () => isReady(router) && !lifecycle.leaving)
  health.addTo(server)
  new ReflectionService(definition).addToServer(server)
  try {
    await listen(server, host, port)
  } catch (error) {
    health.stop()
    server.forceShutdown()
    throw error
  }
  options.log.info({ host, port }, 'serving answers over gRPC')
  return {
    stop: async () => {
      health.stop()
      const patience = setTimeout(() => server.forceShutdown(), ANSWER_MS)
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
      clearTimeout(patience)
    },
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  try {
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()))
    })
  } catch (error) {
    const holder = await portHolder(port)
    throw new MillraceError(
      'PORT_TAKEN',
      `gRPC of serving cannot listen at ${address}${holder ? `, which ${holder} holds` : ` (${errorMessage(error)})`}; choose another port with services.serving.grpc_port, MILLRACE_SERVING_GRPC_PORT or --grpc-port`,
      { cause: error },
    )
  }
}
