//! The environment of a task, and the config files that are rendered with it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod spec_support;

use std::collections::BTreeMap;

use plan_core::spec::{Addresses, ConfigFile, NodeFacts, TaskPlace, render_config, task_environment};
use spec_support::{env, good};

const TEXT: &str = "name: /group/my.svc
pods:
  data-hot:
    count: 2
    placement: '@zone:GROUP_BY,@region:IS:here'
    tasks:
      node:
        goal: RUNNING
        cmd: ./serve
        cpus: 1
        env: {A: file, B: file, TASK_NAME: mine}
        ports:
          http: {port: 80, env-key: PORT_HTTP}
          any: {port: 0, env-key: PORT_ANY}
          quiet: {port: 0}
          later: {port: 0, env-key: PORT_LATER}
        configs: {app-conf.d: {template: t, dest: conf/app}}
";

#[test]
fn a_task_is_given_what_the_table_says() {
    let spec = good(TEXT, &[]);
    let (pod, task) = ("data-hot".parse().unwrap(), "node".parse().unwrap());
    let node = NodeFacts {
        name: "n1".parse().unwrap(),
        region: Some("here".to_owned()),
        zone: None,
        attributes: BTreeMap::new(),
    };
    let ports = BTreeMap::from([("any".parse().unwrap(), 9000), ("quiet".parse().unwrap(), 9001)]);
    let parameters = env(&[("B", "parameter"), ("POD_INSTANCE_INDEX", "7")]);
    let addresses =
        Addresses { api_host: Some("api".to_owned()), api_port: Some(8080), ..Addresses::default() };
    let place = TaskPlace {
        service: &spec,
        pod: &pod,
        index: 1,
        task: &task,
        node: Some(&node),
        ports: &ports,
        parameters: &parameters,
        addresses: &addresses,
    };
    let expected = [
        ("A", "file"),
        ("B", "parameter"),
        ("CONFIG_TEMPLATE_APP_CONF_D", "config-templates/app-conf.d,conf/app"),
        ("FRAMEWORK_HOST", "groupmy-svc.autoip.dcos.thisdcos.directory"),
        ("FRAMEWORK_NAME", "/group/my.svc"),
        ("FRAMEWORK_VIP_HOST", "groupmy-svc.l4lb.thisdcos.directory"),
        ("PLACEMENT_REFERENCED_REGION", "true"),
        ("PLACEMENT_REFERENCED_ZONE", "true"),
        ("POD_INSTANCE_INDEX", "1"),
        ("PORT_ANY", "9000"),
        ("PORT_HTTP", "80"),
        ("REGION", "here"),
        ("SCHEDULER_API_HOSTNAME", "api"),
        ("SCHEDULER_API_PORT", "8080"),
        ("TASK_NAME", "data-hot-1-node"),
        ("data-hot-1-node", "true"),
    ];
    assert_eq!(task_environment(&place), env(&expected));
    let nobody = "nobody".parse().unwrap();
    assert!(task_environment(&TaskPlace { task: &nobody, ..place }).is_empty());
}

#[test]
fn a_config_file_is_rendered_as_a_specification_is() {
    let config = |text: Option<&str>| ConfigFile {
        template: "t".to_owned(),
        dest: "d".to_owned(),
        render: true,
        text: text.map(ToOwned::to_owned),
    };
    let values = env(&[("ON", "True"), ("URL", "a&b")]);
    let rendered = render_config(&config(Some("{{#ON}}\nurl={{URL}}\n{{/ON}}\nx={{MISSING}}\n")), &values);
    assert_eq!(rendered.text, "url=a&b\nx=\n");
    assert_eq!(rendered.missing[0].0, "MISSING");
    assert_eq!(rendered.diagnostics.len(), 1);
    assert_eq!(render_config(&config(None), &values).text, "");
    let plain = ConfigFile { render: false, ..config(Some("{{URL}} {{MISSING}}\n")) };
    let rendered = render_config(&plain, &values);
    assert_eq!((rendered.text.as_str(), rendered.missing.len()), ("{{URL}} {{MISSING}}\n", 0));
}
