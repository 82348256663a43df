import { openDatabase } from '../../platform/db/index.ts'
import { type MonitorSchema, migrations } from '../tables.ts'
import { comparisonContract } from './contract.ts'

comparisonContract(() => openDatabase<MonitorSchema>({ url: 'sqlite::memory:', schema: 'monitor', migrations }), 60)
