/** How long an orderly stop of a service may take where its definition says nothing else, milliseconds: then its process goes anyway. */
export const STOP_MS = 8000
