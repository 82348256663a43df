import type { EventType } from './events.ts'

/** The compiler finds a type that is missing here. */
const KNOWN: Readonly<Record<EventType, true>> = {
  'dev.millrace.dataset.versioned': true,
  'dev.millrace.contract.checked': true,
  'dev.millrace.run.finished': true,
  'dev.millrace.deleted.purged': true,
  'dev.millrace.model.created': true,
  'dev.millrace.model.renamed': true,
  'dev.millrace.model.described': true,
  'dev.millrace.model.deleted': true,
  'dev.millrace.model.tag.set': true,
  'dev.millrace.model.tag.deleted': true,
  'dev.millrace.model.version.created': true,
  'dev.millrace.model.version.sealed': true,
  'dev.millrace.model.version.described': true,
  'dev.millrace.model.version.deleted': true,
  'dev.millrace.model.version.tag.set': true,
  'dev.millrace.model.version.tag.deleted': true,
  'dev.millrace.model.version.stage.changed': true,
  'dev.millrace.model.alias.moved': true,
  'dev.millrace.access.denied': true,
  'dev.millrace.gate.decided': true,
  'dev.millrace.deployment.rolled_out': true,
  'dev.millrace.deployment.failed': true,
  'dev.millrace.deployment.rolled_back': true,
  'dev.millrace.deployment.stepped': true,
  'dev.millrace.report.created': true,
  'dev.millrace.drift.detected': true,
  'dev.millrace.performance.degraded': true,
  'dev.millrace.retraining.requested': true,
  'dev.millrace.execution.started': true,
  'dev.millrace.execution.finished': true,
  'dev.millrace.execution.failed': true,
  'dev.millrace.journal.discontinued': true,
  'dev.millrace.config.applied': true,
}

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(KNOWN, type)
}

/** Every type of event, for those who must name them at run time. */
export const EVENT_TYPES: readonly EventType[] = Object.keys(KNOWN).filter(isEventType)
