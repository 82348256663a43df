export { type Condition, type KeyValueTable, compare, compareMetric, impossible, related, startsAs } from './conditions.ts'
export { type Clause, EXPERIMENTS, type Grammar, LOGGED_MODELS, MODEL_VERSIONS, type Order, REGISTERED_MODELS, RUNS } from './grammar.ts'
export { type Page, type SortKey, after, ascending, decodeToken, descending, encodeToken, pageSize, readPage } from './pages.ts'
export { parseFilter, parseOrder, parseOrders } from './parser.ts'
