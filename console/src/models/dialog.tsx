import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useRef } from 'react'
import type { By } from './registry.ts'

interface ActDialogProps {
  /** On the button that opens it. */
  readonly button: string
  readonly title: string
  /** What will happen. */
  readonly children: ReactNode
  readonly confirm: string
  readonly act: (by: By, form: FormData) => Promise<unknown>
}

const ACTOR = 'millrace-actor'

/** Something that is done to an alias: who does it and why goes into its history. */
export function ActDialog({ button, title, children, confirm, act }: ActDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const queries = useQueryClient()
  const acting = useMutation({
    mutationFn: (form: FormData) => {
      const by = { actor: String(form.get('actor') ?? '').trim(), reason: String(form.get('reason') ?? '').trim() }
      localStorage.setItem(ACTOR, by.actor)
      return act(by, form)
    },
    onSuccess: async () => {
      dialog.current?.close()
      await queries.invalidateQueries({ queryKey: ['registry'] })
    },
  })
  return (
    <>
      <button
        type="button"
        className="plain"
        onClick={() => {
          acting.reset()
          dialog.current?.showModal()
        }}
      >
        {button}
      </button>
      <dialog ref={dialog} className="dialog" aria-label={title}>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            acting.mutate(new FormData(event.currentTarget))
          }}
        >
          <h2>{title}</h2>
          {children}
          <label>
            Who you are
            <input className="text-input" name="actor" required defaultValue={localStorage.getItem(ACTOR) ?? ''} autoComplete="username" />
          </label>
          <label>
            Why
            <input className="text-input" name="reason" required />
          </label>
          {acting.error === null ? null : (
            <p role="alert" className="dialog-error">
              {acting.error.message}
            </p>
          )}
          <div className="dialog-actions">
            <button type="button" className="plain" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="submit" className="strong" disabled={acting.isPending}>
              {confirm}
            </button>
          </div>
        </form>
      </dialog>
    </>
  )
}
