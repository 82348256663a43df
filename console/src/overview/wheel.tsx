interface WheelProps {
  readonly x: number
  readonly y: number
  readonly radius: number
  readonly turning: boolean
  readonly title: string
  readonly label: string
}

const PADDLES = 12

/** The mill wheel; its hub names what it drives. */
export function Wheel({ x, y, radius, turning, title, label }: WheelProps) {
  const rim = radius - 12
  const hub = radius * 0.46
  const angles = Array.from({ length: PADDLES }, (_, i) => (360 / PADDLES) * i)
  return (
    <g transform={`translate(${x} ${y})`}>
      <g className={`wheel ${turning ? 'wheel-turning' : ''}`}>
        {angles.map((angle) => (
          <g key={angle} transform={`rotate(${angle})`}>
            <line className="wheel-spoke" y1={-hub} y2={-rim} />
            <rect className="wheel-paddle" x={-3} y={-radius} width={6} height={26} rx={2} />
            <path className="wheel-brace" d={`M0 ${-rim + 7} L${Math.sin(Math.PI / 12) * (rim - 22)} ${-Math.cos(Math.PI / 12) * (rim - 22)}`} />
          </g>
        ))}
        <circle className="wheel-rim" r={rim} />
        <circle className="wheel-rim wheel-rim-inner" r={rim - 14} />
      </g>
      <circle className="wheel-hub" r={hub} />
      <text className="wheel-title" y={label === '' ? 9 : 3}>
        {title}
      </text>
      <text className="wheel-label" y={24}>
        {label}
      </text>
    </g>
  )
}
