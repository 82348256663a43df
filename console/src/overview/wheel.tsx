interface WheelProps {
  readonly x: number
  readonly y: number
  readonly radius: number
  readonly turning: boolean
  readonly title: string
  readonly label: string
}

const PADDLES = 12
const BUCKETS = 36
/** How far a bucket leans against the direction of the turn, in radians. */
const LEAN = 0.11

/** The mill wheel; its hub names what it drives. */
export function Wheel({ x, y, radius, turning, title, label }: WheelProps) {
  const rim = radius - 8
  const inner = rim - 20
  const hub = radius * 0.44
  return (
    <g transform={`translate(${x} ${y})`}>
      <g className={`wheel ${turning ? 'wheel-turning' : ''}`}>
        <circle className="wheel-band" r={(rim + inner) / 2} strokeWidth={rim - inner} />
        {around(BUCKETS).map((angle) => (
          <path key={angle} className="wheel-bucket" d={`M${polar(inner, angle)} L${polar(rim, angle + LEAN)}`} />
        ))}
        {around(PADDLES).map((angle) => (
          <g key={angle}>
            <path className="wheel-spoke" d={`M${polar(hub, angle)} L${polar(inner, angle)}`} />
            <path className="wheel-paddle" d={`M${polar(rim - 8, angle)} L${polar(radius, angle)}`} />
          </g>
        ))}
        <circle className="wheel-rim" r={rim} />
        <circle className="wheel-rim wheel-rim-inner" r={inner} />
      </g>
      <circle className="wheel-hub" r={hub} />
      <text className="wheel-title" y={3}>
        {title}
      </text>
      <text className="wheel-label" y={24}>
        {label}
      </text>
    </g>
  )
}

function around(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => ((2 * Math.PI) / count) * i)
}

function polar(radius: number, angle: number): string {
  return `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`
}
