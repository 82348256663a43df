import Type from 'typebox'

export const modelParams = Type.Object({ model: Type.String() })
export const indexBody = Type.Optional(Type.Union([Type.Null(), Type.Object({ ready: Type.Optional(Type.Boolean({ description: 'Only those that are ready' })) })]))
export const loadBody = Type.Optional(Type.Union([Type.Null(), Type.Object({ parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())) })]))
