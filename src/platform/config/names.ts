export const SERVICE_NAMES = ['gateway', 'tracking', 'features', 'serving', 'monitor', 'pipelines'] as const
export type ServiceName = (typeof SERVICE_NAMES)[number]
