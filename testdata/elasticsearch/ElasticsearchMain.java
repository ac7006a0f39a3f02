import java.util.List;
import java.util.Map;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.transport.Netty4Plugin;

/** One Elasticsearch node for the tests, from the artefacts of Maven Central. */
public final class ElasticsearchMain extends Node {
  private ElasticsearchMain(Settings settings) {
    super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "tocsin-test"),
        List.of(Netty4Plugin.class), true);
  }

  /** Arguments: home folder, HTTP port, transport port. */
  public static void main(String[] args) throws Exception {
    Settings settings = Settings.builder()
        .put("path.home", args[0])
        .put("cluster.name", "tocsin-test")
        .put("node.name", "tocsin-test")
        .put("network.host", "127.0.0.1")
        .put("http.port", args[1])
        .put("transport.port", args[2])
        .put("transport.type", "netty4")
        .put("http.type", "netty4")
        .put("discovery.type", "single-node")
        .put("cluster.routing.allocation.disk.threshold_enabled", false)
        .build();
    ElasticsearchMain node = new ElasticsearchMain(settings);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        node.close();
      } catch (Exception e) {
        System.err.println("close node: " + e);
      }
    }));
    node.start();
    Thread.currentThread().join();
  }
}
