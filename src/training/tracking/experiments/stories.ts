import type { ServiceUnderTest } from '../../testing.ts'

const missing = { error_code: 'RESOURCE_DOES_NOT_EXIST' }
const invalid = { error_code: 'INVALID_PARAMETER_VALUE' }

export function experimentStories({ story }: ServiceUnderTest): void {
  story([
    { does: 'the default experiment is there from the start', request: 'GET experiments/get?experiment_id=0', holds: { experiment: { name: 'Default', artifact_location: 'mlflow-artifacts:/0', lifecycle_stage: 'active' } } },
    { does: 'an experiment is created with tags', request: 'POST experiments/create', body: { name: 'flights', tags: [{ key: 'team', value: 'a' }, { key: 'team', value: 'b' }] }, holds: { experiment_id: '1' } },
    { does: 'it is found by name', request: 'GET experiments/get-by-name?experiment_name=flights', holds: { experiment: { experiment_id: '1', tags: [{ key: 'team', value: 'b' }], artifact_location: 'mlflow-artifacts:/1' } } },
    { does: 'a name that is taken is refused as MLflow refuses it', request: 'POST experiments/create', body: { name: 'flights' }, status: 400, holds: { error_code: 'RESOURCE_ALREADY_EXISTS', message: /flights.*already exists/ } },
    { does: 'a missing name is named', request: 'POST experiments/create', body: {}, status: 400, holds: { ...invalid, message: "Missing value for required parameter 'name'." } },
    { does: 'a name of the wrong type is named', request: 'POST experiments/create', body: { name: 5 }, status: 400, holds: { ...invalid, message: /Invalid value 5 for parameter 'name' supplied/ } },
    { does: 'a tag of the wrong type is named with its place', request: 'POST experiments/create', body: { name: 'x', tags: [{ key: 'a' }, { key: 7 }] }, status: 400, holds: { ...invalid, message: /'tags\[1\]\.key'/ } },
    { does: 'a body that is a list is refused', request: 'POST experiments/create', body: [1], status: 400, holds: invalid },
    { does: 'an empty name is refused', request: 'POST experiments/create', body: { name: ' ' }, status: 400, holds: invalid },
    { does: 'an unknown name is 404', request: 'GET experiments/get-by-name?experiment_name=none', status: 404, holds: missing },
    { does: 'an unknown id is 404', request: 'GET experiments/get?experiment_id=99', status: 404, holds: missing },
    { does: 'an id that is no number is refused', request: 'GET experiments/get?experiment_id=abc', status: 400, holds: invalid },
    { does: 'a tag is set', request: 'POST experiments/set-experiment-tag', body: { experiment_id: '1', key: 'a/b c', value: '1' }, holds: {} },
    { does: 'a tag is removed', request: 'POST experiments/delete-experiment-tag', body: { experiment_id: '1', key: 'team' }, holds: {} },
    { does: 'a tag that is not there cannot be removed', request: 'POST experiments/delete-experiment-tag', body: { experiment_id: '1', key: 'team' }, status: 404, holds: missing },
    { does: 'a second experiment is created', request: 'POST experiments/create', body: { name: 'weather', artifact_location: 's3://bucket/weather' }, holds: { experiment_id: /^\d+$/ }, keeps: { second: 'experiment_id' } },
    { does: 'its location is kept', request: 'GET experiments/get?experiment_id={second}', holds: { experiment: { artifact_location: 's3://bucket/weather' } } },
    { does: 'experiments are searched by tag', request: 'POST experiments/search', body: { filter: "tags.`a/b c` = '1'" }, holds: { experiments: [{ name: 'flights' }] } },
    { does: 'by name with GET', request: "GET experiments/search?filter=name LIKE 'we%25'&max_results=5", holds: { experiments: [{ name: 'weather' }] } },
    { does: 'LIKE tells upper from lower case', request: 'POST experiments/search', body: { filter: "name LIKE 'WE%'" }, holds: { experiments: [] } },
    { does: 'ILIKE does not', request: 'POST experiments/search', body: { filter: "name ILIKE 'WE%'" }, holds: { experiments: [{ name: 'weather' }] } },
    { does: 'by absence of a tag, in order of name', request: 'POST experiments/search', body: { filter: 'tags.`a/b c` IS NULL', order_by: ['name DESC'] }, holds: { experiments: [{ name: 'weather' }, { name: 'Default' }] } },
    { does: 'by id in a list', request: 'POST experiments/search', body: { filter: "experiment_id IN ('0', '1')", order_by: ['experiment_id ASC'] }, holds: { experiments: [{ experiment_id: '0' }, { experiment_id: '1' }] } },
    { does: 'the first page has a token', request: 'POST experiments/search', body: { max_results: '2', order_by: ['name ASC'] }, holds: { experiments: [{ name: 'Default' }, { name: 'flights' }] }, keeps: { token: 'next_page_token' } },
    { does: 'the second goes on and is the last', request: 'POST experiments/search', body: { max_results: 2, order_by: ['name ASC'], page_token: '{token}' }, holds: { experiments: [{ name: 'weather' }] }, lacks: 'next_page_token' },
    { does: 'a token serves only its own search', request: 'POST experiments/search', body: { max_results: 2, page_token: '{token}' }, status: 400, holds: invalid },
    { does: 'a token that is none is refused', request: 'POST experiments/search', body: { page_token: 'nonsense' }, status: 400, holds: invalid },
    { does: 'a page of no results is refused', request: 'POST experiments/search', body: { max_results: 0 }, status: 400, holds: invalid },
    { does: 'a page too large is refused', request: 'POST experiments/search', body: { max_results: 50001 }, status: 400, holds: { ...invalid, message: /at most 50000/ } },
    { does: 'a filter that is none points at the character', request: 'POST experiments/search', body: { filter: 'name = 5' }, status: 400, holds: { ...invalid, message: /at character 8/ } },
    { does: 'renaming keeps the id', request: 'POST experiments/update', body: { experiment_id: '{second}', new_name: 'wind' }, holds: {} },
    { does: 'renaming to a taken name is refused', request: 'POST experiments/update', body: { experiment_id: '{second}', new_name: 'flights' }, status: 400, holds: { error_code: 'RESOURCE_ALREADY_EXISTS' } },
    { does: 'a run is made in it', request: 'POST runs/create', body: { experiment_id: '1' }, keeps: { run: 'run.info.run_id' } },
    { does: 'the experiment is deleted', request: 'POST experiments/delete', body: { experiment_id: '1' }, holds: {} },
    { does: 'its runs go with it', request: 'GET runs/get?run_id={run}', holds: { run: { info: { lifecycle_stage: 'deleted' } } } },
    { does: 'it can still be read', request: 'GET experiments/get?experiment_id=1', holds: { experiment: { lifecycle_stage: 'deleted' } } },
    { does: 'it is not among the active ones', request: 'POST experiments/search', body: { filter: "name = 'flights'" }, holds: { experiments: [] } },
    { does: 'it is among the deleted ones, by number of the view', request: 'POST experiments/search', body: { view_type: 2 }, holds: { experiments: [{ name: 'flights' }] } },
    { does: 'no run is made in a deleted experiment', request: 'POST runs/create', body: { experiment_id: '1' }, status: 400, holds: { ...invalid, message: /must be in the 'active' state/ } },
    { does: 'deleting it twice is 404', request: 'POST experiments/delete', body: { experiment_id: '1' }, status: 404, holds: missing },
    { does: 'it is restored', request: 'POST experiments/restore', body: { experiment_id: '1' }, holds: {} },
    { does: 'and its runs with it', request: 'GET runs/get?run_id={run}', holds: { run: { info: { lifecycle_stage: 'active' } } } },
    { does: 'an endpoint that does not exist says so in the same form', request: 'GET experiments/nothing', status: 404, holds: { error_code: 'ENDPOINT_NOT_FOUND' } },
    { does: 'the paths of browsers answer the same', request: 'GET /ajax-api/2.0/mlflow/experiments/get?experiment_id=0', holds: { experiment: { name: 'Default' } } },
    { does: 'a body in another type is refused, so that a page of another site cannot send it', request: 'POST experiments/create', body: { name: 'x' }, headers: { 'content-type': 'text/plain' }, status: 400, holds: invalid },
    { does: 'a body that is not JSON is refused', request: 'POST experiments/create', headers: { 'content-type': 'application/json' }, status: 400, holds: invalid },
    { does: 'the health probe is MLflow\'s', request: 'GET /health', holds: 'OK' },
    { does: 'the version is that of MLflow\'s API', request: 'GET /version', holds: /^3\.\d+\.\d+$/ },
    { does: 'clients learn what the server can do', request: 'GET /api/3.0/mlflow/server-info', holds: { workspaces_enabled: false, multipart_uploads_enabled: false } },
  ])
  for (const location of ['/etc', 'file:///etc', 'FILE:/etc', '../x', 'http://169.254.169.254/', 'https://example.org/', 'runs:/abc/x', 'mlflow-artifacts:/../x', 'mlflow-artifacts:/%2e%2e/x', 'mlflow-artifacts:/a/%252e%252e/x', 's3://b/../c', 's3://b/%2e%2e/c', 's3://b/c#x', 's3://b/c?x=1', 'c:\\x', 'mlflow-artifacts:/a\\..\\b', 'dbfs:/x/%5c..%5c']) {
    story([{ does: `the location ${location} is refused`, request: 'POST experiments/create', body: { name: `at ${location}`, artifact_location: location }, status: 400, holds: invalid }])
  }
  for (const [i, location] of ['s3://bucket/path', 'gs://b/p', 'abfss://c@a.dfs.core.windows.net/p', 'mlflow-artifacts:/team/a'].entries()) {
    story([{ does: `the location ${location} is taken`, request: 'POST experiments/create', body: { name: `fine ${i}`, artifact_location: location }, holds: {} }])
  }
}
