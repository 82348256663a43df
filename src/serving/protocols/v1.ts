import { someOf } from '../../domain/signature.ts'
import { presentPredictions, readInstances } from './mlflow.ts'
import { acceptJson, parseJson } from './json.ts'
import { readNested } from './nested.ts'
import type { Protocol } from './protocol.ts'
import { badRequest, describeType, isObject } from './shapes.ts'

/** KServe's V1 protocol (kserve/kserve: python/kserve/kserve/protocol/rest/v1_endpoints.py), which is TensorFlow Serving's row form: `instances` in, `predictions` out. */
export const v1Protocol: Protocol = {
  name: 'v1',
  accept: acceptJson,
  parse: ({ bytes, maxRows }, model) => {
    const body = parseJson(bytes)
    if (!isObject(body)) throw badRequest(`the body is ${describeType(body)}, expected an object with instances`)
    const { instances } = body
    if (instances === undefined) throw badRequest(`instances is missing, expected a list with an element for each row; found ${someOf(Object.keys(body)) || 'nothing'}`)
    return readNested(model, 'instances', instances) ?? { rows: readInstances(instances, { columns: model.byRows.columns, maxRows }), present: presentPredictions }
  },
  refuse: (error) => ({ contentType: 'application/json', body: JSON.stringify({ error: error.message }) }),
}
