// Loaded before each file of tests: a file ends as soon as its tests have (--test-force-exit), and what its pipe had no room for by then would be lost, reports of tests among it.
process.stdout._handle?.setBlocking?.(true)
