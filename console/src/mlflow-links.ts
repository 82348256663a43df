/**
 * Where a link of MLflow's own pages leads here: `#/experiments/1/runs/abc`, which its clients print after each run, `#/models/N/versions/3`, and so on.
 * undefined where the hash is none of them.
 */
export function fromMlflowHash(hash: string): string | undefined {
  const [path = ''] = hash.replace(/^#/, '').split('?')
  const parts = path.split('/').filter((part) => part !== '').map(decoded)
  const [place, id, what, which] = parts
  const to = (...names: readonly string[]): string => `/${names.map(encodeURIComponent).join('/')}`
  if (place === 'experiments') {
    if (id === undefined) return '/experiments'
    return what === 'runs' && which !== undefined ? to('experiments', id, 'runs', which) : to('experiments', id)
  }
  if (place === 'models') {
    if (id === undefined) return '/models'
    return what === 'versions' && which !== undefined ? to('models', id, 'versions', which) : to('models', id)
  }
  return undefined
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
