export { checkContract, readContractFile } from './check-contract.ts'
export { describeProblem } from './contract-file/problems.ts'
export { reportMarkdown } from './markdown.ts'
export { renderReport } from './render.ts'
