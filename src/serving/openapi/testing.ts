/** What tests read of the OpenAPI document. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, { readonly post?: ApiOperation }>>
  readonly components: { readonly schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
}

interface ApiOperation {
  readonly description?: string
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: unknown; readonly examples?: Readonly<Record<string, ApiExample>> }>> }
}

interface ApiExample {
  readonly value: unknown
  readonly 'x-headers'?: Readonly<Record<string, string>>
}

/** What the service says of itself now. */
export async function apiOf(url: string): Promise<ApiDocument> {
  const document: ApiDocument = JSON.parse(await (await fetch(`${url}/docs/json`)).text())
  return document
}

/** An example as it was sent, and what came back. */
export interface SentExample {
  readonly path: string
  readonly type: string
  readonly name: string
  readonly status: number
  readonly text: string
}

/** Sends every example of the document as it stands. */
export async function sendExamples(url: string, { paths }: ApiDocument): Promise<readonly SentExample[]> {
  const sent: SentExample[] = []
  for (const [path, { post }] of Object.entries(paths)) {
    for (const [type, { examples = {} }] of Object.entries(post?.requestBody?.content ?? {})) {
      for (const [name, { value, 'x-headers': headers }] of Object.entries(examples)) {
        const body = type === 'application/json' ? JSON.stringify(value) : String(value)
        const answer = await fetch(url + path, { method: 'POST', headers: { 'content-type': type, ...headers }, body })
        sent.push({ path, type, name, status: answer.status, text: await answer.text() })
      }
    }
  }
  return sent
}
