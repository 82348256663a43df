import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { askBytes } from '../tracking/ask.ts'
import { LIMITS, imageType } from './kinds.ts'

/** An image of an artifact. As an image nothing in it runs, not in an SVG either. */
export function BlobImage({ url, path, alt }: { readonly url: string; readonly path: string; readonly alt: string }) {
  const { data, error } = useQuery({ queryKey: ['bytes', url], queryFn: async ({ signal }) => (await askBytes(url, LIMITS.image, signal)) ?? null, staleTime: Number.POSITIVE_INFINITY, gcTime: 60_000 })
  if (error !== null) return <span className="quiet">[image: {error.message}]</span>
  if (data === null) return <span className="quiet">[image: too large to show]</span>
  return data === undefined ? <span className="quiet">[image: {alt}]</span> : <BytesImage bytes={data} type={imageType(path)} alt={alt} />
}

export function BytesImage({ bytes, type, alt }: { readonly bytes: Uint8Array<ArrayBuffer>; readonly type: string; readonly alt: string }) {
  const [source, setSource] = useState<string>()
  const [failed, setFailed] = useState(false)
  useEffect(() => {
    const url = URL.createObjectURL(new Blob([bytes], { type }))
    setSource(url)
    setFailed(false)
    return () => URL.revokeObjectURL(url)
  }, [bytes, type])
  if (failed) return <span className="quiet">[it is no image that can be shown]</span>
  return source === undefined ? null : <img className="preview-image" src={source} alt={alt} onError={() => setFailed(true)} />
}
