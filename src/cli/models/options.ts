export interface Output {
  readonly tracking?: string
  readonly json?: true
}

export interface ListOptions extends Output {
  readonly filter?: string
  readonly prompts?: true
}

export interface ChampionOptions extends Output {
  readonly alias?: string
  readonly at?: string
}

export interface VerifyCommand extends Output {
  readonly folder?: string
}

export interface ChangeCommand extends Output {
  readonly reason?: string
  readonly actor?: string
}

export interface PromoteCommand extends ChangeCommand {
  readonly alias: string
  readonly from?: string
  readonly overrideGate?: true
}

export interface RollbackCommand extends ChangeCommand {
  readonly alias: string
  readonly from?: string
  readonly to?: string
}
