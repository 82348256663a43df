import { WITHOUT_TELEMETRY } from '../../../platform/onnxruntime.ts'

/**
 * What the Python process runs: MLflow's own scoring server (mlflow/pyfunc/scoring_server) with the model of one folder, on a port of loopback that it writes to file
 * descriptor 3. Its standard input is the life line: when that ends, be it that serving was killed, the whole process group goes.
 */
export const PYTHON_PROGRAM = `
import os, signal, socket, sys, threading

def watch():
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=watch, daemon=True).start()
import uvicorn
from mlflow.pyfunc import scoring_server
os.environ[scoring_server._SERVER_MODEL_PATH] = sys.argv[1]
from mlflow.pyfunc.scoring_server.app import app

listening = socket.socket()
listening.bind(("127.0.0.1", 0))
os.write(3, b"%d\\n" % listening.getsockname()[1])
uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])
`

/** What the process need not know: where our own state is, and with which passwords. */
const PRIVATE = /^(MILLRACE_|AWS_|PG|DATABASE_URL|OTEL_)/

export function pythonEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !PRIVATE.test(name))
  return { ...Object.fromEntries(kept), PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1', MLFLOW_DISABLE_TELEMETRY: 'true', ...WITHOUT_TELEMETRY, GIT_PYTHON_REFRESH: 'quiet' }
}
