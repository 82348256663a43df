import { Frame } from '../shared/frame.tsx'

export function ComparePage() {
  return <Frame skip="Skip">{null}</Frame>
}
