import { openDatabase } from '../../platform/db/index.ts'
import type { MonitorSchema } from '../tables.ts'
import { joinContract } from './contract.ts'

joinContract('sqlite', (migrations) => openDatabase<MonitorSchema>({ url: 'sqlite::memory:', schema: 'monitor', migrations }))
