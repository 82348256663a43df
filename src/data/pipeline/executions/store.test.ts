import { openDatabase } from '../../../platform/db/index.ts'
import { executionStoreContract } from './store-contract.ts'

executionStoreContract('executions on SQLite', (migrations) => openDatabase({ url: 'sqlite::memory:', schema: 'pipelines', migrations }))
