/** The type of a Content-Type header, in lower case; undefined where it has parameters other than `charset=utf-8`, as MLflow's scoring server refuses them too. */
export function mediaType(contentType: string): string | undefined {
  const [essence = '', ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase())
  return parameters.every((parameter) => parameter === '' || /^charset="?utf-?8"?$/.test(parameter)) ? essence : undefined
}
