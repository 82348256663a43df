import { Frame } from '../shared/frame.tsx'

export function ModelsPage() {
  return <Frame skip="Skip">{null}</Frame>
}
