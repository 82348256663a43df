import { closeSync, existsSync, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'

export interface RotationOptions {
  /** A file that has grown beyond so many bytes is put aside, and a new one begun. */
  readonly bytes: number
  /** Files put aside that are kept: FILE.1 is the youngest, FILE.KEEP the oldest. */
  readonly keep: number
}

const LINE_FEED = 0x0a

/**
 * Appends to a file, and puts it aside at the end of a line once it is large. One process writes it; what is written is with the system when `append` returns,
 * which throws the system's error where it cannot be. Never more than (keep + 1) files of `bytes` and a line.
 */
export class RotatingFile {
  readonly #path: string
  readonly #options: RotationOptions
  #fd: number | undefined
  #size = 0
  /** Whether the last byte written ended a line. */
  #whole = true

  constructor(path: string, options: RotationOptions) {
    this.#path = path
    this.#options = options
  }

  append(chunk: Buffer): void {
    let from = 0
    this.#file()
    if (this.#size >= this.#options.bytes) {
      // What another write began is ended in the same file.
      if (!this.#whole) from = this.#size >= 2 * this.#options.bytes ? 0 : chunk.indexOf(LINE_FEED) + 1
      if (from > 0) this.#write(chunk.subarray(0, from))
      if (this.#whole || this.#size >= 2 * this.#options.bytes) this.#rotate()
    }
    if (from < chunk.length) this.#write(chunk.subarray(from))
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #file(): number {
    if (this.#fd === undefined) {
      this.#fd = openSync(this.#path, 'a')
      this.#size = fstatSync(this.#fd).size
      this.#whole = true
    }
    return this.#fd
  }

  #write(bytes: Buffer): void {
    const fd = this.#file()
    for (let at = 0; at < bytes.length; ) {
      const written = writeSync(fd, bytes, at)
      at += written
      this.#size += written
    }
    this.#whole = bytes.at(-1) === LINE_FEED
  }

  #rotate(): void {
    const { keep } = this.#options
    this.close()
    const aside = (n: number): string => (n === 0 ? this.#path : `${this.#path}.${n}`)
    rmSync(aside(keep), { force: true })
    for (let n = keep - 1; n >= 0; n--) if (existsSync(aside(n))) renameSync(aside(n), aside(n + 1))
  }
}
