import * as Plot from '@observablehq/plot'
import { useCallback, useMemo } from 'react'
import type { AliasMove } from '../../../src/api/tracking.ts'
import { PALETTE } from '../charts/metric-chart.tsx'
import { type Drawn, PlotView } from '../compare/plot-view.tsx'
import { formatDate } from '../shared/format.ts'
import { resolveColor } from '../theme.ts'
import { type Tenure, aliasesOf, tenuresOf } from './tenures.ts'

const ROW = 40
const MOST_ALIASES = 8
const LABEL_PX = 26

/** Which version each alias named, when. */
export function Timeline({ moves }: { readonly moves: readonly AliasMove[] }) {
  const aliases = useMemo(() => aliasesOf(moves).slice(0, MOST_ALIASES), [moves])
  const tenures = useMemo(() => tenuresOf(moves).filter(({ alias }) => aliases.includes(alias)), [moves, aliases])
  const height = aliases.length * ROW + 34
  const draw = useCallback((width: number) => drawTenures(tenures, aliases, height, width), [tenures, aliases, height])
  const label = tenures.map((one) => `${one.alias} v${one.version} from ${formatDate(one.from)}${one.open ? '' : ` to ${formatDate(one.to)}`}`).join('; ')
  return <PlotView label={label} height={height} draw={draw} />
}

function drawTenures(tenures: readonly Tenure[], aliases: readonly string[], height: number, width: number): Drawn {
  const colors = Array.from({ length: PALETTE }, (_, i) => resolveColor(`run-${i}`))
  const color = ({ version }: Tenure): string => colors[(Number(version) - 1) % PALETTE] ?? ''
  const [from, to] = [Math.min(...tenures.map((one) => one.from)), Math.max(...tenures.map((one) => one.to))]
  const room = Math.min(160, Math.max(70, ...aliases.map((alias) => alias.length * 7.4 + 18)))
  // A name is written only where it fits.
  const fits = (one: Tenure): boolean => ((one.to - one.from) / Math.max(1, to - from)) * (width - room) > LABEL_PX
  return Plot.plot({
    width,
    height,
    marginLeft: room,
    marginRight: 8,
    marginTop: 2,
    marginBottom: 30,
    className: 'plot-svg',
    x: { type: 'utc', label: null, tickSize: 3 },
    y: { type: 'band', domain: aliases, label: null, tickSize: 0, padding: 0.24 },
    marks: [
      Plot.barX(tenures, { x1: (one: Tenure) => new Date(one.from), x2: (one: Tenure) => new Date(one.to), y: 'alias', fill: color, fillOpacity: (one: Tenure) => (one.alias === 'champion' ? 0.95 : 0.55), rx: 5, insetLeft: 1, insetRight: 1 }),
      Plot.text(tenures.filter(fits), {
        x: (one: Tenure) => new Date((one.from + one.to) / 2),
        y: 'alias',
        text: (one: Tenure) => `v${one.version}`,
        fill: resolveColor('card'),
        fontWeight: 650,
        fontSize: 12.5,
      }),
    ],
  })
}
