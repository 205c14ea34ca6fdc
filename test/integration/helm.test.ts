import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { serverBinary } from '../../tools/servers/start.ts';
import { makeHome } from '../support/boot-file.ts';
import { certificateSet } from '../support/certificates.ts';
import {
  bootConfig,
  chart,
  find,
  type Manifest,
  manifests,
  podVariables,
  render,
  run,
  valuesOf,
} from '../support/chart.ts';
import { gatewayAt } from '../support/gateway-at.ts';

const scenarios = readdirSync(join(chart, 'ci')).map((file) => file.replace('-values.yaml', ''));

let validate: string;
let temporary: string;
beforeAll(() => {
  validate = serverBinary('kubectl-validate');
  temporary = mkdtempSync(join(tmpdir(), 'tailgate-helm-'));
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

describe.each(scenarios)('the chart with ci/%s-values.yaml', (scenario) => {
  it('passes helm lint', () => {
    const { ok, output } = run(serverBinary('helm'), ['lint', '--strict', chart, ...valuesOf(scenario)]);
    expect(ok, output).toBe(true);
  });

  it('renders what golden/ has; UPDATE=1 renews it', () => {
    const golden = join(chart, 'golden', `${scenario}.yaml`);
    const { ok, stdout, output } = render(...valuesOf(scenario));
    expect(ok, output).toBe(true);
    if (process.env.UPDATE) writeFileSync(golden, stdout);
    expect(stdout).toBe(readFileSync(golden, 'utf8'));
  });

  it('is valid to Kubernetes, oldest and newest', () => {
    for (const version of ['1.25', '1.30']) {
      // Custom resources have no schema there, and a field that is newer is nothing for it.
      const known = render(...valuesOf(scenario), '--kube-version', `${version}.0`)
        .stdout.split(/^---$/m)
        .filter((text) => !/monitoring\.coreos\.com|cert-manager\.io|keda\.sh/.test(text))
        .map((text) => text.replace(/^ +trafficDistribution:.*\n/m, ''));
      const file = join(temporary, `${scenario}.yaml`);
      writeFileSync(file, known.join('---\n'));
      const { ok, output } = run(validate, ['--version', version, file]);
      expect(ok, output).toBe(true);
    }
  });

  it('gives each role a boot file that it takes', () => {
    const all = manifests(...valuesOf(scenario));
    const boots = all.filter(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.endsWith('-boot'));
    expect(boots.length).toBeGreaterThan(0);
    for (const { metadata } of boots) {
      const { admin, mode, cluster } = bootConfig(all, podVariables, metadata.name.replace(/-boot$/, ''));
      expect(admin.endpoint.port).toBe(8888);
      expect(mode).toBe(metadata.labels['app.kubernetes.io/component']);
      expect(cluster!.name).toBe('tailgate-0');
    }
  });

  it('runs without privileges, on a file system that it cannot write', () => {
    const all = manifests(...valuesOf(scenario));
    const pods = all.flatMap(
      (manifest) => manifest.spec?.template?.spec ?? (manifest.kind === 'Pod' ? manifest.spec : []),
    );
    expect(pods.length).toBeGreaterThanOrEqual(2);
    for (const pod of pods) {
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(pod.containers[0].securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });
});

describe('what the chart derives', () => {
  const heap = (all: Manifest[]) => find(all, 'StatefulSet').spec.template.spec.containers[0].env[0].value;
  const spec = (all: Manifest[]) => find(all, 'StatefulSet').spec;

  it('divides the memory limit between buffer, heap and queue', () => {
    const all = manifests('--set', 'gateway.resources.limits.memory=4Gi,tempo.endpoint=http://tempo:4317');
    const config = bootConfig(all);
    expect(config.buffer.maxBytes).toBe(1638 * 2 ** 20);
    expect(heap(all)).toBe('--max-old-space-size=819');
    expect(config.receive.maxInflightBytes).toBe(256 * 2 ** 20);
    expect(config.export[0]).toMatchObject({ name: 'tempo', queue: { maxBytes: 614 * 2 ** 20 } });
  });

  it.each([
    ['1Gi', 1024],
    ['1024Mi', 1024],
    ['1073741824', 1024],
    ['2G', 1907],
    ['1.5Gi', 1536],
  ])('reads a limit of %s as %d MiB', (limit, mebibytes) => {
    expect(heap(manifests('--set', `gateway.resources.limits.memory=${limit}`))).toBe(
      `--max-old-space-size=${Math.floor(mebibytes / 5)}`,
    );
  });

  it.each([
    ['15s', 30, 40],
    ['1m30s', 155, 165],
    ['500ms', 30, 40],
    ['1h', 3600, 3610],
  ])('with a wait of %s takes up to %d s to stop, and gets %d s', (wait, shutdown, grace) => {
    const all = manifests('--set', `decisionWait=${wait}`);
    expect(bootConfig(all).shutdownTimeoutMs).toBe(shutdown * 1000);
    expect(find(all, 'StatefulSet').spec.template.spec.terminationGracePeriodSeconds).toBe(grace);
  });

  it('starts new pods for another boot file, and not for other rules', () => {
    const sum = (...args: string[]) =>
      find(manifests(...args), 'StatefulSet').spec.template.metadata.annotations['checksum/boot'];
    expect(sum('--set', 'onFull=refuse')).not.toBe(sum());
    expect(sum('--set', 'rules=debug: true')).toBe(sum());
  });

  it.each([
    ['2', '', 4],
    ['250m', '', 1],
    ['1500m', '', 3],
    ['2', '3', 'auto'],
    ['', '', 'auto'],
  ])(
    'with a request of %j CPUs and a limit of %j has %s shards: a limit is read from the container',
    (request, limit, shards) => {
      const limits = { memory: '2Gi', ...(limit && { cpu: limit }) };
      const resources = { requests: { cpu: request || null }, limits };
      const all = manifests('--set-json', `gateway.resources=${JSON.stringify(resources)}`);
      expect(bootConfig(all).shards).toBe(shards);
    },
  );

  it('gives each pod a volume of its own where it is asked to, and else what ends with it', () => {
    expect(spec(manifests()).volumeClaimTemplates).toBeUndefined();
    const kept = spec(manifests('--set', 'gateway.persistence.enabled=true,gateway.persistence.storageClass=-'));
    expect(kept.volumeClaimTemplates).toMatchObject([
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', resources: { requests: { storage: '8Gi' } } },
      },
    ]);
    expect(kept.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' });
    expect(kept.template.spec.volumes.map(({ name }: Manifest) => name)).not.toContain('data');
  });

  it.each([
    ['15s', 300, 120],
    ['2m', 480, 430],
    ['1h', 3600, 1800],
  ])('with a wait of %s takes a pod away after %d s of too many, and the next %d s later', (wait, window, period) => {
    const all = manifests('--set', `gateway.autoscaling.enabled=true,decisionWait=${wait}`);
    const { scaleDown } = find(all, 'HorizontalPodAutoscaler').spec.behavior;
    expect(scaleDown).toEqual({
      stabilizationWindowSeconds: window,
      policies: [{ type: 'Pods', value: 1, periodSeconds: period }],
    });
    // Two would decide how many there are: an upgrade must not set it back.
    expect(spec(all)).not.toHaveProperty('replicas');
  });

  it('reads rules from a ConfigMap of somebody else, and makes none of its own', () => {
    const all = manifests(...valuesOf('replicas'));
    expect(find(all, 'ConfigMap', 'tailgate-rules')).toBeUndefined();
    expect(bootConfig(all).rules.file).toBe('/etc/tailgate/rules/production.yaml');
    expect(spec(all).template.spec.volumes).toContainEqual({ name: 'rules', configMap: { name: 'sampling-rules' } });
  });

  it('asks Consul where and as whom it is told to', () => {
    const all = manifests(...valuesOf('tempo'));
    expect(bootConfig(all).rules.consul).toMatchObject({
      prefix: 'tailgate/sampling',
      client: { datacenter: 'eu-1', namespace: 'observability', partition: 'shop' },
    });
    const { env } = spec(all).template.spec.containers[0];
    expect(env).toContainEqual({ name: 'CONSUL_CACERT', value: '/etc/tailgate/tls/consul/ca.crt' });
    expect(env).toContainEqual({
      name: 'CONSUL_HTTP_TOKEN',
      valueFrom: { secretKeyRef: { name: 'consul-token', key: 'token' } },
    });
  });

  it('lets `config` have the last word over the boot file', () => {
    const config = bootConfig(
      manifests('--set', 'gateway.config.buffer.max_bytes=64MiB,gateway.config.batch.max_spans=10'),
    );
    expect(config.buffer).toMatchObject({ maxBytes: 64 * 2 ** 20, decisionWaitMs: 15_000 });
    expect(config.batch.maxSpans).toBe(10);
  });
});

/** deploy/kubernetes, for people without Helm: what the chart renders, without its own marks. */
describe.each([
  ['gateway', []],
  [
    'agent',
    [
      'gateway.enabled=false,agent.enabled=true',
      'cluster.members.dns=_cluster._tcp.tailgate-headless.observability.svc.cluster.local',
    ],
  ],
])('deploy/kubernetes/%s.yaml', (name, settings) => {
  it('is what the chart renders; UPDATE=1 renews it', () => {
    const file = join(chart, '../../deploy/kubernetes', `${name}.yaml`);
    const { ok, stdout, output } = render('--no-hooks', ...settings.flatMap((each) => ['--set', each]));
    expect(ok, output).toBe(true);
    const marks = /^# Source: .*\n|^ +(?:helm\.sh\/chart|app\.kubernetes\.io\/managed-by): .*\n/gm;
    const before = `# kubectl apply -f deploy/kubernetes/${name}.yaml   (rendered from helm/tailgate)
apiVersion: v1
kind: Namespace
metadata:
  name: observability
`;
    const text = before + stdout.replace(marks, '');
    if (process.env.UPDATE) writeFileSync(file, text);
    expect(text).toBe(readFileSync(file, 'utf8'));
    expect(text).not.toMatch(/helm(?!\/tailgate)/i);
  });
});

describe('enrich.kubernetes', () => {
  const args = ['--set', 'enrich.kubernetes.enabled=true,enrich.kubernetes.labels[0]=app'];

  it('is asked of the gateway, with a token in its pod', () => {
    const all = manifests(...args);
    expect(bootConfig(all).enrich.kubernetes).toMatchObject({ node: '', labels: ['app'], annotations: [] });
    expect(find(all, 'StatefulSet').spec.template.spec.automountServiceAccountToken).toBe(true);
  });

  it('may list and watch pods, and nothing else', () => {
    const all = manifests(...args);
    const role = all.find(({ kind }) => kind === 'ClusterRole');
    expect(role.rules).toEqual([{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }]);
    const { roleRef, subjects } = all.find(({ kind }) => kind === 'ClusterRoleBinding');
    expect(roleRef.name).toBe(role.metadata.name);
    expect(subjects).toEqual([{ kind: 'ServiceAccount', name: 'tailgate', namespace: 'observability' }]);
    expect(manifests().filter(({ kind }) => /Role/.test(kind))).toEqual([]);
  });
});

it('has its own tests, for whoever changes it with Helm alone', () => {
  const { ok, output } = run(serverBinary('helm-unittest'), [chart]);
  expect(ok, output).toBe(true);
  expect(output).toMatch(/Tests: +\d+ passed/);
});

describe('what comes with the chart', () => {
  const own = (path: string) => readFileSync(join(chart, path), 'utf8');
  const shared = (path: string) => readFileSync(join(chart, '../../deploy', path), 'utf8');

  it('has the alerts and the dashboard of deploy/, as they are', () => {
    expect(own('files/alerts.yaml')).toBe(shared('prometheus/alerts.yaml'));
    expect(own('files/dashboard.json')).toBe(shared('grafana/tailgate.json'));
    expect(own('files/dashboard-fleet.json')).toBe(shared('grafana/tailgate-fleet.json'));
    const all = manifests('--set', 'prometheusRule.enabled=true,dashboard.enabled=true');
    expect(find(all, 'PrometheusRule').spec).toEqual(parse(shared('prometheus/alerts.yaml')));
    const dashboard = find(all, 'ConfigMap', 'tailgate-dashboard');
    for (const name of ['tailgate.json', 'tailgate-fleet.json']) {
      expect(JSON.parse(dashboard.data[name])).toEqual(JSON.parse(shared(`grafana/${name}`)));
    }
    expect(dashboard.metadata.labels.grafana_dashboard).toBe('1');
  });

  it('has a schema that says of every value what it is, and of none that there is not', () => {
    const schema = JSON.parse(own('values.schema.json'));
    // biome-ignore lint/suspicious/noExplicitAny: a JSON schema
    const meant = (rule: any): any =>
      rule.allOf ? { ...schema.definitions[rule.allOf[0].$ref.split('/').at(-1)], ...rule } : rule;
    const undescribed: string[] = [];
    // biome-ignore lint/suspicious/noExplicitAny: values
    const compare = (values: any, rule: any, path: string): void => {
      const { properties, description } = meant(rule);
      if (path && !description) undescribed.push(path);
      if (!properties) return;
      const optional = Object.keys(properties).filter((key) => !(key in values));
      for (const key of optional) if (!properties[key].description) undescribed.push(`${path}.${key}`);
      for (const [key, value] of Object.entries(values)) {
        if (!properties[key]) undescribed.push(`${path}.${key}`);
        else compare(value ?? {}, properties[key], `${path}.${key}`);
      }
    };
    compare(parse(own('values.yaml')), schema, '');
    expect(undescribed).toEqual([]);
  });

  it('takes more objects, whose text is a template', () => {
    const names = manifests(...valuesOf('autoscaling')).map(({ metadata }) => metadata.name);
    expect(names).toEqual(expect.arrayContaining(['tailgate-extra', 'tailgate-more']));
  });
});

describe('who reaches what', () => {
  const ports = ({ spec }: Manifest) => spec.ports.map(({ port }: { port: number }) => port);

  it.each([
    ['by default', []],
    ['from outside the cluster', ['--set', 'gateway.service.type=LoadBalancer']],
  ])('the Service of senders has no port that shows traces, %s', (_, args) => {
    const all = manifests(...args);
    expect(ports(find(all, 'Service'))).toEqual([4317, 4318]);
    const admin = find(all, 'Service', 'tailgate-admin');
    expect(admin.spec.type).toBe('ClusterIP');
    expect(ports(admin)).toEqual([8888]);
  });

  it('the admin port answers under the name of its Service, and is scraped there under the job of the alerts', () => {
    const all = manifests('--set', 'serviceMonitor.enabled=true,fullnameOverride=gate');
    expect(bootConfig(manifests()).admin.hosts).toContain('tailgate-admin.observability.svc');
    const { jobLabel, selector } = find(all, 'ServiceMonitor', 'gate').spec;
    const selected = all.filter(
      ({ kind, metadata }) =>
        kind === 'Service' &&
        Object.entries(selector.matchLabels).every(([key, value]) => metadata.labels[key] === value),
    );
    expect(selected.map(({ metadata }) => metadata.name)).toEqual(['gate-admin']);
    expect(selected[0].metadata.labels[jobLabel]).toBe('tailgate');
  });

  it('spans come in from anywhere, questions from its own namespace and from monitoring', () => {
    const { spec } = find(manifests(), 'NetworkPolicy');
    const { matchLabels } = find(manifests(), 'StatefulSet').spec.selector;
    const { 'app.kubernetes.io/component': _, ...release } = matchLabels;
    expect(spec).toEqual({
      podSelector: { matchLabels },
      policyTypes: ['Ingress'],
      ingress: [
        { ports: [{ port: 'otlp-grpc' }, { port: 'otlp-http' }] },
        { ports: [{ port: 'cluster' }], from: [{ podSelector: { matchLabels: release } }] },
        {
          ports: [{ port: 'admin' }],
          from: [
            { podSelector: {} },
            { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } },
          ],
        },
      ],
    });
  });

  it('nobody asks where nobody is listed, and what leaves is closed but for names where it is listed', () => {
    const listed = ['--set', 'networkPolicy.egress[0].ports[0].port=4317', '--set-json', 'networkPolicy.adminFrom=[]'];
    const { spec } = find(manifests(...listed), 'NetworkPolicy');
    expect(spec.ingress).toHaveLength(2);
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(spec.egress).toEqual([
      {
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, protocol: 'TCP' },
        ],
      },
      { ports: [{ port: 4319 }], to: [expect.anything()] },
      { ports: [{ port: 4317 }] },
    ]);
  });

  it('is left to the cluster where it is switched off', () => {
    expect(find(manifests('--set', 'networkPolicy.enabled=false'), 'NetworkPolicy')).toBeUndefined();
  });
});

describe('TLS and tokens', () => {
  const secure = () => manifests(...valuesOf('secure'));
  const container = (all: Manifest[]) => find(all, 'StatefulSet').spec.template.spec.containers[0];

  it('give every file that the boot file names a Secret that is mounted there as a folder, so that it can be exchanged', () => {
    const all = secure();
    const { receive, admin, export: exporters } = bootConfig(all);
    const [tempo] = exporters as { otlp?: { tls?: { files: object } } }[];
    const files = [receive.grpc, receive.http, admin, tempo!.otlp].flatMap((each) => Object.values(each!.tls!.files));
    const named = [...files, receive.auth!.bearerTokenFile, admin.auth!.bearerTokenFile] as string[];
    expect(new Set(named).size).toBe(10);
    const { volumes } = find(all, 'StatefulSet').spec.template.spec;
    for (const file of named) {
      const [, folder, name] = /^(.*)\/(.*)$/.exec(file)!;
      const mount = container(all).volumeMounts.find(({ mountPath }: Manifest) => mountPath === folder);
      expect(mount, file).toMatchObject({ readOnly: true });
      expect(mount.subPath).toBeUndefined();
      const { secret } = volumes.find((volume: Manifest) => volume.name === mount.name);
      if (secret.items) expect(secret.items.map(({ path }: Manifest) => path)).toContain(name);
      expect(secret.defaultMode).toBe(0o440);
    }
  });

  it('let cert-manager issue for every name that the Services answer to', () => {
    const { spec } = find(secure(), 'Certificate', 'tailgate-tls');
    const names = ['tailgate.observability.svc', 'tailgate-admin.observability.svc', 'otlp.example'];
    expect(spec.dnsNames).toEqual(expect.arrayContaining(names));
    expect(spec.issuerRef).toEqual({ name: 'observability', kind: 'ClusterIssuer', group: 'cert-manager.io' });
    const own = [
      '--set',
      'tls.receive.existingSecret=mine,tls.admin.existingSecret=mine,tls.cluster.existingSecret=mine,tls.certManager.enabled=false',
    ];
    expect(find(manifests(...valuesOf('secure'), ...own), 'Certificate', 'tailgate-tls')).toBeUndefined();
  });

  it('are asked for by probes, Services and Prometheus in the words of TLS, and else by nobody', () => {
    const schemes = (all: Manifest[]) =>
      ['startupProbe', 'livenessProbe', 'readinessProbe'].map((probe) => container(all)[probe].httpGet.scheme);
    const protocols = (all: Manifest[]) =>
      ['tailgate', 'tailgate-admin'].flatMap((name) =>
        find(all, 'Service', name).spec.ports.map((port: Manifest) => port.appProtocol),
      );
    expect(schemes(secure())).toEqual(['HTTPS', 'HTTPS', 'HTTPS']);
    expect(protocols(secure())).toEqual(['tls', 'https', 'https']);
    expect(find(secure(), 'ServiceMonitor').spec.endpoints).toMatchObject([
      {
        scheme: 'https',
        tlsConfig: { serverName: 'tailgate-admin.observability.svc', ca: { secret: { name: 'tailgate-tls' } } },
        authorization: { credentials: { name: 'prometheus-token' } },
      },
    ]);
    expect(schemes(manifests())).toEqual([undefined, undefined, undefined]);
    expect(protocols(manifests())).toEqual(['grpc', 'http', 'http']);
  });

  it('change nothing about who reaches what', () => {
    expect(find(secure(), 'NetworkPolicy').spec).toEqual(find(manifests(), 'NetworkPolicy').spec);
  });
});

describe('helm test', () => {
  /** Its script as the pod runs it, on this machine: Services and mounts are at other places. */
  async function tried(boot: object, values: readonly string[], places: (text: string) => string, env: object) {
    const script = find(manifests(...values), 'Pod', 'tailgate-test').spec.containers[0].args[0];
    const { gateway } = await gatewayAt(makeHome({ buffer: { decision_wait: '100ms' }, ...boot }, '{}\n'));
    const text = places(script)
      .replace('tailgate-admin:8888', `localhost:${gateway.admin.split(':').at(-1)}`)
      .replace('tailgate:4318', `localhost:${gateway.http.split(':').at(-1)}`);
    const child = spawn(process.execPath, ['--input-type=module', '--eval', text], {
      env: { ...(env as Record<string, string>) },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    const [code] = await once(child, 'close');
    return { code, output };
  }
  const plain = (text: string) => text;

  it('sends a span in the clear', async () => {
    expect(await tried({}, [], plain, {})).toEqual({ code: 0, output: 'a span: 200, expected 200; readyz: 200\n' });
  });

  it('over TLS, with a client certificate and a token; without them it tries that a span is refused', async () => {
    const { ca, server, client } = await certificateSet(join(temporary, 'certificates'));
    const tokens = join(temporary, 'tokens');
    writeFileSync(tokens, 'test: helm-test-0123456789\n');
    const tls = { cert_file: server.certFile, key_file: server.keyFile };
    const boot = {
      receive: {
        grpc: { endpoint: '127.0.0.1:0' },
        http: { endpoint: '127.0.0.1:0' },
        tls: { ...tls, client_ca_file: ca.caFile },
        auth: { bearer_token_file: tokens },
      },
      admin: { endpoint: '127.0.0.1:0', tls, auth: { bearer_token_file: tokens } },
    };
    for (const port of ['receive', 'admin']) cpSync(ca.caFile, join(temporary, `${port}.crt`));
    cpSync(client.certFile, join(temporary, 'tls.crt'));
    cpSync(client.keyFile, join(temporary, 'tls.key'));
    const here = (text: string) => text.replaceAll('/etc/ca/', `${temporary}/`);
    const env = { TOKEN: 'helm-test-0123456789', CLIENT_CERTIFICATE: temporary };

    const output = (taken: number) => `a span: ${taken}, expected ${taken}; readyz: 200\n`;
    expect(await tried(boot, valuesOf('secure'), here, env)).toEqual({ code: 0, output: output(200) });
    const without = (setting: string) => [...valuesOf('secure'), '--set', setting];
    expect(await tried(boot, without('test.tokenSecret.name='), here, { CLIENT_CERTIFICATE: temporary })).toEqual({
      code: 0,
      output: output(401),
    });
    expect(await tried(boot, without('test.clientCertificateSecret='), here, { TOKEN: env.TOKEN })).toEqual({
      code: 0,
      output: output(403),
    });
    const { code } = await tried(boot, valuesOf('secure'), plain, env);
    expect(code).toBe(1);
  });
});

describe('the chart refuses', () => {
  it.each([
    ['mode=gateway', /'mode' not allowed/],
    ['unknown=1', /'unknown' not allowed/],
    ['image.tga=x', /'tga' not allowed/],
    ['decisionWait=15', /decisionWait.*got number, want string/s],
    ['decisionWait=fast', /decisionWait.*does not match pattern/s],
    ['tempo.endpoint=tempo:4317', /tempo\/endpoint.*does not match pattern/s],
    ['gateway.resources.limits.memory=2Gb', /limits\/memory.*does not match pattern/s],
    ['gateway.resources.limits.memory=511Mi', /expected at least 512Mi/],
    ['gateway.resources.limits.memory=null', /gateway\.resources\.limits\.memory: missing/],
    ['store.enabled=false', /kept traces would go nowhere: set tempo\.endpoint/],
    ['gateway.terminationGracePeriodSeconds=39', /expected at least 40/],
    ['gateway.config.buffer.decision_wait=1s', /set decisionWait instead/],
    ['gateway.enabled=false', /nothing to install/],
    ['gateway.enabled=false,agent.enabled=true', /agent\.enabled: no gateways: set gateway\.enabled=true/],
    ['agent.enabled=true,agent.resources.limits.memory=255Mi', /expected at least 256Mi/],
    ['agent.enabled=true,agent.hostPorts=true,agent.updateStrategy.rollingUpdate.maxSurge=1', /two pods would fight/],
    ['agent.replicas=2', /'replicas' not allowed/],
    ['cluster.members.etcd=x', /'etcd' not allowed/],
    ['tls.cluster.enabled=true', /tls\.cluster: no certificate/],
    ['gateway.hostPorts=true', /'hostPorts' not allowed/],
    ['gateway.autoscaling.enabled=true,gateway.autoscaling.minReplicas=11', /minReplicas: 11: more than/],
    ['gateway.autoscaling.enabled=true,gateway.keda.enabled=true', /two would decide the number of pods/],
    ['gateway.keda.enabled=true', /keda: by what\?/],
    ['gateway.autoscaling.enabled=true,gateway.autoscaling.targetCPUUtilizationPercentage=0', /autoscaling: by what\?/],
    ['podMonitor.enabled=true,serviceMonitor.enabled=true', /scraped twice/],
    ['consul.address=http://consul:8500,consul.caSecret.name=ca', /begins with https/],
    ['redact[0].name=x,redact[0].regex=y', /redact/],
    ['tls.receive.enabled=true', /tls\.receive: no certificate: set tls\.receive\.existingSecret/],
    ['tls.admin.existingSecret=mine', /is not used: set tls\.admin\.enabled=true/],
    ['tls.receive.clientCertificates=true', /needs tls\.receive\.enabled=true/],
    ['tls.certManager.enabled=true', /nothing to issue/],
    ['tls.certManager.enabled=true,tls.admin.enabled=true', /issuerRef\.name: missing/],
    ['tempo.endpoint=http://tempo:4317,tempo.tls.existingSecret=ca', /begins with https/],
    ['tempo.endpoint=https://tempo:4317,tempo.tls.clientCertificate=true', /needs tempo\.tls\.existingSecret/],
    ['auth.admin.existingSecret=Mine', /existingSecret.*does not match pattern/s],
    ['networkPolicy.adminFrom[0].namespace=monitoring', /adminFrom.*'namespace' not allowed/s],
  ])('%s', (setting, message) => {
    const { ok, output } = render('--set', setting);
    expect(ok).toBe(false);
    expect(output).toMatch(message);
  });
});
