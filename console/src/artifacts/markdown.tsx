import Markdown from 'react-markdown'
import { BlobImage } from './blob-image.tsx'

interface MarkdownViewProps {
  readonly text: string
  /** The address of a file beside this one; absent where there are none. */
  readonly fileUrl?: (relative: string) => string
}

/**
 * Markdown as elements, never as HTML: tags in it are text, links leave in a window of their own, and images come from the artifacts beside it alone,
 * so that nobody learns from an image's address who reads.
 */
export function MarkdownView({ text, fileUrl }: MarkdownViewProps) {
  return (
    <div className="markdown">
      <Markdown
        components={{
          a: ({ href, children }) =>
            href !== undefined && /^(?:https?:|mailto:)/i.test(href) ? (
              <a href={href} target="_blank" rel="noopener noreferrer">
                {children}
              </a>
            ) : (
              <span>{children}</span>
            ),
          img: ({ src, alt }) =>
            typeof src === 'string' && fileUrl !== undefined && !/^(?:[a-z][a-z0-9+.-]*:|\/)/i.test(src) ? <BlobImage url={fileUrl(src)} path={src} alt={alt ?? ''} /> : <span className="quiet">[image: {alt ?? src}]</span>,
        }}
      >
        {text}
      </Markdown>
    </div>
  )
}
