import { Frame } from '../shared/frame.tsx'

export function VersionPage() {
  return <Frame skip="Skip">{null}</Frame>
}
