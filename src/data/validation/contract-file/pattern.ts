import { errorMessage } from '../../../platform/errors/index.ts'
import type { Fields } from './fields.ts'

/** A regular expression that means the same in ECMA-262 and in RE2, which runs it. */
export function readPattern(fields: Fields, key: string): string | undefined {
  const pattern = fields.string(key)
  if (pattern === undefined) return undefined
  const wrong = malformed(pattern)
  if (wrong !== undefined) return fields.error(key, `is no regular expression: ${wrong}`)
  if (/\(\?<?[=!]/.test(pattern)) return fields.error(key, 'looks around with (?= or its kin, which the engine (RE2) cannot do')
  if (/\\[1-9k]/.test(pattern.replaceAll('\\\\', ''))) return fields.error(key, 'refers back to a group, which the engine (RE2) cannot do')
  return pattern
}

function malformed(pattern: string): string | undefined {
  try {
    RegExp(pattern)
    return undefined
  } catch (error) {
    return errorMessage(error)
  }
}

const HEX = '[0-9a-fA-F]'
const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const LABEL = '[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?'
const H16 = `${HEX}{1,4}`

/** `logicalTypeOptions.format` of strings, as patterns. `email` is HTML's (a useful subset of RFC 5322). */
export const STRING_FORMATS: Readonly<Record<string, string>> = {
  uuid: `^${HEX}{8}-${HEX}{4}-${HEX}{4}-${HEX}{4}-${HEX}{12}$`,
  email: `^[a-zA-Z0-9.!#$%&'*+/=?^_\`{|}~-]+@${LABEL}(\\.${LABEL})*$`,
  uri: '^[a-zA-Z][a-zA-Z0-9+.-]*:[^\\s<>"{}|\\\\^`]*$',
  hostname: `^${LABEL}(\\.${LABEL})*\\.?$`,
  ipv4: `^${OCTET}(\\.${OCTET}){3}$`,
  ipv6: `^((${H16}:){7}${H16}|(${H16}:){1,7}:|(${H16}:){1,6}:${H16}|(${H16}:){1,5}(:${H16}){1,2}|(${H16}:){1,4}(:${H16}){1,3}|(${H16}:){1,3}(:${H16}){1,4}|(${H16}:){1,2}(:${H16}){1,5}|${H16}:(:${H16}){1,6}|:((:${H16}){1,7}|:))$`,
  byte: '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
}
