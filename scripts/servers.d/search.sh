# shellcheck shell=bash disable=SC2154  # dir, tools, run, repo come from servers
# Elasticsearch 7.17 and OpenSearch 2.19: one node each, put together from the
# artefacts of Maven Central by a small Java class.

# search_install NAME: its packages have the same names as the other's, but for the
# project.
search_install() {
  local home=$tools/$1 source=$repo/testdata/elasticsearch
  if [[ ! -e $home/complete ]]; then
    rm -rf "$home"
    mkdir -p "$home"
    cp "$source/$1.xml" "$home/pom.xml"
    (cd "$home" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib)
    touch "$home/complete"
  fi
  [[ ! $home/SearchMain.class -nt $source/SearchMain.java ]] || return 0
  sed "s/PROJECT/$1/" "$source/SearchMain.java" >"$home/SearchMain.java"
  javac -d "$home" -cp "$home/lib/*" "$home/SearchMain.java"
}

# search_start NAME HTTP-PORT TRANSPORT-PORT
search_start() {
  local home=$tools/$1
  mkdir -p "$run/$1/home/config"
  launch "$1" java -Xms512m -Xmx512m -XX:+UseSerialGC -Dlog4j2.disable.jmx=true \
    --add-opens=java.base/java.io=ALL-UNNAMED -cp "$home/lib/*:$home" SearchMain "$run/$1/home" "$2" "$3"
}

# search_version NAME: the version of the server's archive.
search_version() {
  local archive
  archive=$(find "$tools/$1/lib" -name "$1-[0-9]*.jar" 2>/dev/null)
  archive=${archive##*/"$1"-}
  [[ -z $archive ]] || echo "$2 ${archive%.jar}"
}

elasticsearch_packages() { echo maven default-jdk-headless; }
elasticsearch_install() { search_install elasticsearch; }
elasticsearch_start() { search_start elasticsearch "$(port 6)" "$(port 7)"; }
elasticsearch_ready() { await elasticsearch 120 answers "http://127.0.0.1:$(port 6)/_cluster/health?wait_for_status=yellow&timeout=1s"; }
elasticsearch_running() { alive elasticsearch; }
elasticsearch_env() { echo "TOCSIN_TEST_ELASTICSEARCH_URL=http://127.0.0.1:$(port 6)"; }
elasticsearch_stop() { halt elasticsearch; }
elasticsearch_version() { search_version elasticsearch Elasticsearch; }

opensearch_packages() { elasticsearch_packages; }
opensearch_install() { search_install opensearch; }
opensearch_start() { search_start opensearch "$(port 8)" "$(port 9)"; }
opensearch_ready() { await opensearch 120 answers "http://127.0.0.1:$(port 8)/_cluster/health?wait_for_status=yellow&timeout=1s"; }
opensearch_running() { alive opensearch; }
opensearch_env() { echo "TOCSIN_TEST_OPENSEARCH_URL=http://127.0.0.1:$(port 8)"; }
opensearch_stop() { halt opensearch; }
opensearch_version() { search_version opensearch OpenSearch; }
