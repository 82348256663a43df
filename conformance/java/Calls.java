import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.mlflow.api.proto.ModelRegistry.ModelVersion;
import org.mlflow.api.proto.Service.Experiment;
import org.mlflow.api.proto.Service.Metric;
import org.mlflow.api.proto.Service.Param;
import org.mlflow.api.proto.Service.Run;
import org.mlflow.api.proto.Service.RunInfo;
import org.mlflow.api.proto.Service.RunStatus;
import org.mlflow.api.proto.Service.RunTag;
import org.mlflow.api.proto.Service.ViewType;
import org.mlflow.tracking.ActiveRun;
import org.mlflow.tracking.MlflowClient;
import org.mlflow.tracking.MlflowContext;
import org.mlflow.tracking.MlflowHttpException;

/** Every call of org.mlflow:mlflow-client. Prints one line of JSON for each check, as checks.py does. */
class Calls {
  static final MlflowClient client = new MlflowClient(System.getenv("MLFLOW_TRACKING_URI"));
  static final Path folder = Path.of(System.getenv("CHECK_FOLDER"));
  static String experiment;
  static String run;

  interface Check {
    void run() throws Exception;
  }

  static void check(String name, Check check) {
    String failed = null;
    try {
      check.run();
    } catch (Throwable error) {
      failed = error + " at " + error.getStackTrace()[Math.min(1, error.getStackTrace().length - 1)];
    }
    System.out.printf("{\"name\":\"%s\",\"ok\":%b%s}%n", name, failed == null, failed == null ? "" : ",\"error\":\"" + failed.replace("\\", "\\\\").replace("\"", "'").replace("\n", " ") + "\"");
  }

  static void same(Object expected, Object found) {
    if (!Objects.equals(expected, found)) throw new AssertionError("expected " + expected + ", found " + found);
  }

  static void refused(int status, Check check) throws Exception {
    try {
      check.run();
    } catch (MlflowHttpException error) {
      same(status, error.getStatusCode());
      return;
    }
    throw new AssertionError("expected " + status);
  }

  public static void main(String[] arguments) {
    check("experiments: create, get, by name, rename, tag, delete, restore, search", () -> {
      experiment = client.createExperiment("from java");
      Experiment found = client.getExperiment(experiment);
      same("from java", found.getName());
      same("active", found.getLifecycleStage());
      same(experiment, client.getExperimentByName("from java").orElseThrow().getExperimentId());
      same(false, client.getExperimentByName("nobody").isPresent());
      client.renameExperiment(experiment, "java");
      client.setExperimentTag(experiment, "team", "é");
      same("é", client.getExperiment(experiment).getTags(0).getValue());
      client.deleteExperiment(experiment);
      same("deleted", client.getExperiment(experiment).getLifecycleStage());
      client.restoreExperiment(experiment);
      same(List.of("java"), client.searchExperiments("name = 'java'", ViewType.ACTIVE_ONLY, 10, List.of("name ASC")).getItems().stream().map(Experiment::getName).toList());
      same(2, client.searchExperiments().getItems().size());
      refused(400, () -> client.createExperiment("java"));
      refused(404, () -> client.getExperiment("999999"));
    });
    check("runs: create, log one by one and in a batch, read back with NaN and infinities", () -> {
      run = client.createRun(experiment).getRunId();
      client.logParam(run, "depth", "3");
      client.logParam(run, "depth", "3");
      refused(400, () -> client.logParam(run, "depth", "4"));
      client.logMetric(run, "loss", 0.5);
      client.logMetric(run, "loss", 0.25, 1_700_000_000_000L, 7);
      client.logMetric(run, "odd", Double.NaN);
      client.logMetric(run, "high", Double.POSITIVE_INFINITY, 1, 0);
      client.setTag(run, "note", "it's");
      client.setTag(run, "gone", "x");
      client.deleteTag(run, "gone");
      List<Metric> metrics = new ArrayList<>();
      for (int i = 0; i < 100; i++) metrics.add(Metric.newBuilder().setKey("m").setValue(i / 10.0).setTimestamp(1000 + i).setStep(i).build());
      client.logBatch(run, metrics, List.of(Param.newBuilder().setKey("p").setValue("v").build()), List.of(RunTag.newBuilder().setKey("t").setValue("u").build()));
      Run found = client.getRun(run);
      same(Map.of("depth", "3", "p", "v"), pairs(found.getData().getParamsList()));
      same("it's", found.getData().getTagsList().stream().filter(tag -> tag.getKey().equals("note")).findFirst().orElseThrow().getValue());
      same(false, found.getData().getTagsList().stream().anyMatch(tag -> tag.getKey().equals("gone")));
      for (Metric metric : found.getData().getMetricsList()) {
        if (metric.getKey().equals("odd")) same(true, Double.isNaN(metric.getValue()));
        if (metric.getKey().equals("high")) same(true, metric.getValue() > 1e300);
      }
      List<Metric> history = client.getMetricHistory(run, "m");
      same(100, history.size());
      same(9.9, history.stream().filter(point -> point.getStep() == 99).findFirst().orElseThrow().getValue());
    });
    check("runs: end, delete, restore; searches with filter, order and pages", () -> {
      List<String> ids = new ArrayList<>(List.of(run));
      for (int i = 0; i < 4; i++) {
        String id = client.createRun(experiment).getRunId();
        client.logMetric(id, "loss", i + 1);
        ids.add(id);
      }
      client.setTerminated(run);
      client.setTerminated(ids.get(1), RunStatus.FAILED, 1_700_000_000_001L);
      same(RunStatus.FINISHED, client.getRun(run).getInfo().getStatus());
      same(1_700_000_000_001L, client.getRun(ids.get(1)).getInfo().getEndTime());
      client.deleteRun(ids.get(4));
      same(List.of(ids.get(4)), idsOf(client.searchRuns(List.of(experiment), "", ViewType.DELETED_ONLY)));
      client.restoreRun(ids.get(4));
      same(5, client.listRunInfos(experiment).size());
      same(List.of(run), idsOf(client.searchRuns(List.of(experiment), "metrics.loss < 0.3 and params.depth = '3' and tags.note = \"it's\"")));
      List<String> seen = new ArrayList<>();
      for (String token = null; ; ) {
        var page = token == null
            ? client.searchRuns(List.of(experiment), "", ViewType.ACTIVE_ONLY, 2, List.of("metrics.loss DESC"))
            : client.searchRuns(List.of(experiment), "", ViewType.ACTIVE_ONLY, 2, List.of("metrics.loss DESC"), token);
        for (Run one : page.getItems()) seen.add(one.getInfo().getRunId());
        if (!page.hasNextPage()) break;
        token = page.getNextPageToken().orElseThrow();
      }
      same(List.of(ids.get(4), ids.get(3), ids.get(2), ids.get(1), run), seen);
      refused(400, () -> client.searchRuns(List.of(experiment), "nonsense ~ 1"));
      refused(404, () -> client.getRun("0".repeat(32)));
    });
    check("the context: active runs, nested, with maps of metrics, params and tags", () -> {
      client.createExperiment("context");
      MlflowContext context = new MlflowContext(client).setExperimentName("context");
      ActiveRun parent = context.startRun("parent");
      ActiveRun child = context.startRun("child", parent.getId());
      child.logParams(Map.of("a", "1", "b", "2"));
      child.logMetrics(Map.of("x", 1.0, "y", 2.0), 3);
      child.setTags(Map.of("k", "v"));
      child.endRun();
      parent.endRun(RunStatus.KILLED);
      Run found = client.getRun(child.getId());
      same(Map.of("a", "1", "b", "2"), pairs(found.getData().getParamsList()));
      same(parent.getId(), found.getData().getTagsList().stream().filter(tag -> tag.getKey().equals("mlflow.parentRunId")).findFirst().orElseThrow().getValue());
      same(RunStatus.KILLED, client.getRun(parent.getId()).getInfo().getStatus());
      context.withActiveRun("block", active -> active.logMetric("z", 1));
    });
    check("artifacts, which it hands to the Python client: log a file and a folder, list, download", () -> {
      Path file = Files.writeString(folder.resolve("a.txt"), "from java");
      Files.createDirectories(folder.resolve("d/sub"));
      Files.writeString(folder.resolve("d/sub/b.txt"), "below");
      client.logArtifact(run, file.toFile());
      client.logArtifacts(run, folder.resolve("d").toFile(), "model");
      same(List.of("a.txt", "model"), client.listArtifacts(run).stream().map(info -> info.getPath()).toList());
      File whole = client.downloadArtifacts(run, "model");
      same("below", Files.readString(whole.toPath().resolve("sub/b.txt")));
    });
    check("the registry: models, versions, latest of a stage, addresses, searches", () -> {
      client.sendPost("registered-models/create", "{\"name\":\"java\"}");
      for (int i = 0; i < 3; i++) client.sendPost("model-versions/create", "{\"name\":\"java\",\"source\":\"runs:/" + run + "/model\",\"run_id\":\"" + run + "\"}");
      client.sendPost("model-versions/transition-stage", "{\"name\":\"java\",\"version\":\"2\",\"stage\":\"Production\"}");
      client.sendPatch("model-versions/update", "{\"name\":\"java\",\"version\":\"1\",\"description\":\"first\"}");
      same("first", client.getModelVersion("java", "1").getDescription());
      same("java", client.getRegisteredModel("java").getName());
      same(List.of("2"), client.getLatestVersions("java", List.of("Production")).stream().map(ModelVersion::getVersion).toList());
      same(List.of("2", "3"), client.getLatestVersions("java").stream().map(ModelVersion::getVersion).sorted().toList());
      same(true, client.getModelVersionDownloadUri("java", "2").endsWith("/" + run + "/artifacts/model"));
      same(List.of("3", "2", "1"), client.searchModelVersions("name = 'java'", 10, List.of("version_number DESC")).getItems().stream().map(ModelVersion::getVersion).toList());
      same(3, client.searchModelVersions().getItems().size());
      same("below", Files.readString(client.downloadModelVersion("java", "2").toPath().resolve("sub/b.txt")));
      refused(404, () -> client.getModelVersion("java", "9"));
    });
    client.close();
    System.exit(0);
  }

  static List<String> idsOf(List<RunInfo> infos) {
    return infos.stream().map(RunInfo::getRunId).toList();
  }

  static Map<String, String> pairs(List<Param> params) {
    return params.stream().collect(java.util.stream.Collectors.toMap(Param::getKey, Param::getValue));
  }
}
