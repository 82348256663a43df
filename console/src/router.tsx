import { Link, createRootRoute, createRoute, createRouter } from '@tanstack/react-router'
import { OverviewPage } from './overview/page.tsx'
import { type OverviewSearch, parseOverviewSearch } from './overview/search.ts'

const rootRoute = createRootRoute({ notFoundComponent: NotFound })

const overviewRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/',
  validateSearch: (search: Record<string, unknown>): OverviewSearch => parseOverviewSearch(search),
  component: OverviewPage,
})

export const router = createRouter({ routeTree: rootRoute.addChildren([overviewRoute]), scrollRestoration: true })

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}

function NotFound() {
  return (
    <main className="lost">
      <h1>There is no such page</h1>
      <p>
        <Link to="/">Back to the overview</Link>
      </p>
    </main>
  )
}
