import type * as Plot from '@observablehq/plot'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { useWidth } from '../shared/use-width.ts'
import { useDark } from '../theme.ts'

export type Drawn = ReturnType<typeof Plot.plot>

interface PlotViewProps {
  readonly label: string
  readonly height: number
  /** The same function while it draws the same. */
  readonly draw: (width: number) => Drawn
  /** Over the plot, once it is drawn. */
  readonly children?: (drawn: Drawn, width: number) => ReactNode
}

/** A plot that follows the width of its place and the theme. */
export function PlotView({ label, height, draw, children }: PlotViewProps) {
  const [ref, width] = useWidth<HTMLDivElement>()
  const holder = useRef<HTMLDivElement>(null)
  const [drawn, setDrawn] = useState<Drawn>()
  const dark = useDark()
  useEffect(() => {
    if (holder.current === null || width === 0) return
    const plot = draw(width)
    // Plot brings an inline style sheet, which the page's policy forbids; ours has what it says.
    plot.querySelector('style')?.remove()
    holder.current.replaceChildren(plot)
    setDrawn(plot)
  }, [draw, width, dark])
  return (
    <div className="plot" ref={ref} style={{ minHeight: height }}>
      <div ref={holder} role="img" aria-label={label} />
      {drawn === undefined || children === undefined ? null : children(drawn, width)}
    </div>
  )
}
