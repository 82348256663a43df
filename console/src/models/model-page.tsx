import { Frame } from '../shared/frame.tsx'

export function ModelPage() {
  return <Frame skip="Skip">{null}</Frame>
}
