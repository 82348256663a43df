import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from 'react'
import { type Completion, type Vocabulary, complete } from './completion.ts'

interface FilterBoxProps {
  /** The filter that is shown now. */
  readonly value: string
  readonly onSubmit: (filter: string) => void
  readonly vocabulary: Vocabulary
  /** What the server said of `value`. */
  readonly error: string | undefined
}

const NOTHING: Completion = { from: 0, to: 0, suggestions: [] }

/** The search language, with what may come next under the caret. An error of the server is shown at its character. */
export function FilterBox({ value, onSubmit, vocabulary, error }: FilterBoxProps) {
  const [text, setText] = useState(value)
  const [completion, setCompletion] = useState<Completion>(NOTHING)
  const [chosen, setChosen] = useState<number>(-1)
  const input = useRef<HTMLInputElement>(null)
  const list = useId()
  const caretWanted = useRef<number | null>(null)
  // Before anything more is typed: what is typed next belongs behind what was accepted.
  useLayoutEffect(() => {
    if (caretWanted.current !== null) input.current?.setSelectionRange(caretWanted.current, caretWanted.current)
    caretWanted.current = null
  }, [text])
  useEffect(() => setText(value), [value])

  const suggest = (now: string, caret: number): void => {
    setCompletion(complete(now, caret, vocabulary))
    setChosen(-1)
  }
  const close = (): void => setCompletion(NOTHING)
  const accept = (index: number): void => {
    const suggestion = completion.suggestions[index]
    if (suggestion === undefined) return
    const next = `${text.slice(0, completion.from)}${suggestion.text} ${text.slice(completion.to).trimStart()}`
    const caret = completion.from + suggestion.text.length + 1
    setText(next)
    setCompletion(complete(next, caret, vocabulary))
    setChosen(-1)
    caretWanted.current = caret
  }
  const submit = (): void => {
    close()
    onSubmit(text.trim())
  }
  const press = (event: KeyboardEvent<HTMLInputElement>): void => {
    const { length } = completion.suggestions
    if (event.key === 'Enter') {
      if (chosen >= 0) accept(chosen)
      else submit()
    } else if (event.key === 'Escape' && length > 0) {
      close()
    } else if (event.key === 'Tab' && chosen >= 0) {
      accept(chosen)
    } else if (event.key === 'ArrowDown' && length === 0) {
      suggest(text, input.current?.selectionStart ?? text.length)
    } else if (event.key === 'ArrowDown' || (event.key === 'ArrowUp' && length > 0)) {
      setChosen((chosen + (event.key === 'ArrowDown' ? 1 : length) + (chosen < 0 && event.key === 'ArrowUp' ? 1 : 0)) % length)
    } else {
      return
    }
    event.preventDefault()
  }
  const at = error === undefined || text.trim() !== value ? undefined : placeOf(error)

  return (
    <div className="filter">
      <div className="filter-line">
        <input
          ref={input}
          className="filter-input"
          type="text"
          role="combobox"
          aria-label="Filter runs"
          aria-autocomplete="list"
          aria-expanded={completion.suggestions.length > 0}
          aria-controls={list}
          aria-activedescendant={chosen >= 0 ? `${list}-${chosen}` : undefined}
          aria-invalid={error !== undefined}
          placeholder="metrics.auc > 0.7 AND params.optimizer = 'adam'"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => {
            setText(event.target.value)
            suggest(event.target.value, event.target.selectionStart ?? event.target.value.length)
          }}
          onFocus={(event) => suggest(text, event.target.selectionStart ?? text.length)}
          onClick={(event) => suggest(text, event.currentTarget.selectionStart ?? text.length)}
          onBlur={close}
          onKeyDown={press}
        />
        {text === '' ? null : (
          <button
            type="button"
            className="filter-clear"
            aria-label="Clear the filter"
            onClick={() => {
              setText('')
              onSubmit('')
            }}
          >
            ×
          </button>
        )}
        <button type="button" className="plain" onClick={submit}>
          Search
        </button>
        <ul id={list} className="suggestions" role="listbox" aria-label="What may come next" hidden={completion.suggestions.length === 0}>
          {completion.suggestions.map((suggestion, i) => (
            <li
              key={`${suggestion.text} ${suggestion.note}`}
              id={`${list}-${i}`}
              role="option"
              aria-selected={i === chosen}
              ref={i === chosen ? (element) => element?.scrollIntoView({ block: 'nearest' }) : undefined}
              onMouseDown={(event) => {
                event.preventDefault()
                accept(i)
              }}
            >
              <span>{suggestion.text}</span> <span className="suggestion-note">{suggestion.note}</span>
            </li>
          ))}
        </ul>
      </div>
      {error === undefined ? null : (
        <div className="filter-error" role="alert">
          {at === undefined ? null : (
            <pre aria-hidden="true">
              {value.slice(0, at)}
              <mark>{value.slice(at, at + 1) || ' '}</mark>
              {value.slice(at + 1)}
            </pre>
          )}
          <p>{firstLine(error)}</p>
        </div>
      )}
    </div>
  )
}

/** Index of the character that the server points at. */
function placeOf(error: string): number | undefined {
  const match = /at character (\d+)/.exec(error)
  return match === null ? undefined : Number(match[1]) - 1
}

const firstLine = (error: string): string => (error.split('\n', 1)[0] ?? '').replace(/:$/, '')
