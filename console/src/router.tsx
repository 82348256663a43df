import { type ErrorComponentProps, Link, createRootRoute, createRoute, createRouter, redirect } from '@tanstack/react-router'
import { ComparePage } from './compare/page.tsx'
import { type CompareSearch, parseCompareSearch } from './compare/search.ts'
import { ExperimentsPage } from './experiments/page.tsx'
import { type NameSearch, parseNameSearch } from './experiments/search.ts'
import { fromMlflowHash } from './mlflow-links.ts'
import { ModelPage } from './models/model-page.tsx'
import { ModelsPage } from './models/page.tsx'
import { VersionPage } from './models/version-page.tsx'
import { OverviewPage } from './overview/page.tsx'
import { type OverviewSearch, parseOverviewSearch } from './overview/search.ts'
import { RunPage } from './run/page.tsx'
import { type RunSearch, parseRunSearch } from './run/search.ts'
import { RunsPage } from './runs/page.tsx'
import { type RunsSearch, parseRunsSearch } from './runs/search.ts'

const rootRoute = createRootRoute({ notFoundComponent: NotFound })

const overviewRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/',
  validateSearch: (search: Record<string, unknown>): OverviewSearch => parseOverviewSearch(search),
  beforeLoad: ({ location }) => {
    const href = fromMlflowHash(location.hash)
    if (href !== undefined) throw redirect({ href, replace: true })
  },
  component: OverviewPage,
})

const experimentsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/experiments',
  validateSearch: (search: Record<string, unknown>): NameSearch => parseNameSearch(search),
  component: ExperimentsPage,
})

const runsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/experiments/$experimentId',
  validateSearch: (search: Record<string, unknown>): RunsSearch => parseRunsSearch(search),
  component: RunsPage,
})

const runRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/experiments/$experimentId/runs/$runId',
  validateSearch: (search: Record<string, unknown>): RunSearch => parseRunSearch(search),
  component: RunPage,
})

const compareRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/compare',
  validateSearch: (search: Record<string, unknown>): CompareSearch => parseCompareSearch(search),
  component: ComparePage,
})

const modelsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/models',
  validateSearch: (search: Record<string, unknown>): NameSearch => parseNameSearch(search),
  component: ModelsPage,
})

const modelRoute = createRoute({ getParentRoute: () => rootRoute, path: '/models/$name', component: ModelPage })
const versionRoute = createRoute({ getParentRoute: () => rootRoute, path: '/models/$name/versions/$version', component: VersionPage })

const routeTree = rootRoute.addChildren([overviewRoute, experimentsRoute, runsRoute, runRoute, compareRoute, modelsRoute, modelRoute, versionRoute])

export const router = createRouter({ routeTree, scrollRestoration: true, defaultErrorComponent: Broken })

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}

/** A page that failed says so, and the way out stays. */
function Broken({ error }: ErrorComponentProps) {
  return (
    <main className="lost">
      <h1>This page failed</h1>
      <p role="alert">{error instanceof Error ? error.message : String(error)}</p>
      <p>
        <Link to="/">Back to the overview</Link>
      </p>
    </main>
  )
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
