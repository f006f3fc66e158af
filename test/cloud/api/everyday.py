"""The everyday calls of Hetzner's own Python client, against the endpoint in HCLOUD_ENDPOINT.

Every step asserts what the client makes of the replies. Ends with the line "ok", or with a traceback.
"""

import os
import time

from hcloud import APIException, Client
from hcloud.firewalls import FirewallResource, FirewallResourceLabelSelector, FirewallRule
from hcloud.images import Image
from hcloud.load_balancer_types import LoadBalancerType
from hcloud.load_balancers import (
    LoadBalancerAlgorithm,
    LoadBalancerHealthCheck,
    LoadBalancerHealthCheckHttp,
    LoadBalancerService,
    LoadBalancerServiceHttp,
    LoadBalancerTarget,
    LoadBalancerTargetLabelSelector,
)
from hcloud.locations import Location
from hcloud.networks import NetworkRoute, NetworkSubnet
from hcloud.server_types import ServerType
from hcloud.servers import ServerCreatePublicNetwork
from hcloud.volumes import Volume
from hcloud.zones import ZoneRecord

client = Client(
    token=os.environ["HCLOUD_TOKEN"],
    api_endpoint=os.environ["HCLOUD_ENDPOINT"],
    application_name="conformance",
    poll_interval=0.1,
    # Two minutes: a machine that boots on a busy host takes its time to notice a new interface.
    poll_max_retries=1200,
)

def refused(code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except APIException as error:
        assert error.code == code, f"{error.code} instead of {code}: {error.message}"
        return error
    raise AssertionError(f"not refused with {code}")


def done(action):
    action.wait_until_finished()
    assert action.status == "success", action.status
    assert action.progress == 100 and action.finished is not None
    return action


def catalogue():
    server_type = client.server_types.get_by_name("cpx22")
    assert (server_type.cores, server_type.memory, server_type.disk) == (2, 4, 80)
    assert any(entry.location.name == "fsn1" and entry.available for entry in server_type.locations)
    assert client.server_types.get_by_id(server_type.id).name == "cpx22"
    location = client.locations.get_by_name("fsn1")
    assert location.network_zone == "eu-central" and client.locations.get_by_id(location.id).city == "Falkenstein"
    image = client.images.get_by_name_and_architecture("debian-13", "x86")
    assert image.os_flavor == "debian" and image.type == "system" and image.architecture == "x86"
    assert client.images.get_by_id(image.id).name == "debian-13"
    refused("not_found", client.images.get_by_id, 1)
    assert len(client.load_balancer_types.get_all()) == 3
    assert client.floating_ips.get_all() == client.isos.get_all() == []
    refused("deprecated_api_endpoint", client.datacenters.get_all)
    refused("unavailable", client.floating_ips.create, type="ipv4", home_location=location)


def ssh_keys(public_key):
    key = client.ssh_keys.create(name="everyday", public_key=public_key, labels={"test": "everyday"})
    assert client.ssh_keys.get_by_fingerprint(key.fingerprint).id == key.id
    assert client.ssh_keys.get_by_name("everyday").public_key == key.public_key
    assert key.update(name="everyday-2", labels={"test": "everyday", "n": "2"}).labels["n"] == "2"
    refused("uniqueness_error", client.ssh_keys.create, name="other", public_key=public_key)
    assert [k.id for k in client.ssh_keys.get_all(label_selector="test in (everyday,other),n=2")] == [key.id]
    return client.ssh_keys.get_by_id(key.id)


def networks():
    network = client.networks.create(name="everyday", ip_range="10.0.0.0/16", labels={"test": "everyday"})
    done(network.add_subnet(NetworkSubnet(type="cloud", network_zone="eu-central", ip_range="10.0.1.0/24")))
    done(network.add_route(NetworkRoute(destination="10.100.0.0/24", gateway="10.0.1.9")))
    network.reload()
    assert network.subnets[0].gateway == "10.0.0.1" and network.routes[0].gateway == "10.0.1.9"
    done(network.delete_route(network.routes[0]))
    done(network.change_protection(delete=True))
    refused("protected", network.delete)
    done(network.change_protection(delete=False))
    refused("uniqueness_error", client.networks.create, name="everyday", ip_range="10.1.0.0/16")
    refused("invalid_input", client.networks.create, name="other", ip_range="8.8.8.0/24")
    assert network.update(name="everyday-2").name == "everyday-2"
    assert [a.command for a in network.get_actions(sort="id")][-1] == "change_protection"
    return client.networks.get_by_name("everyday-2")


def servers(key, network):
    group = client.placement_groups.create(name="everyday", type="spread").placement_group
    address = client.primary_ips.create(
        name="everyday", type="ipv4", location=Location(name="fsn1"), labels={"test": "everyday"}
    ).primary_ip
    assert address.assignee_id is None and address.assignee_type == "unassigned" and not address.auto_delete
    firewall = client.firewalls.create(
        name="everyday",
        rules=[FirewallRule(direction="in", protocol="tcp", port="22", source_ips=["0.0.0.0/0", "::/0"])],
    ).firewall
    response = client.servers.create(
        name="everyday-1",
        server_type=ServerType(name="cpx22"),
        image=Image(name="debian-13"),
        location=Location(name="fsn1"),
        ssh_keys=[key],
        labels={"test": "everyday", "n": "1"},
        user_data="#cloud-config\nruncmd: [touch /root/everyday]\n",
        placement_group=group,
        firewalls=[firewall],
        public_net=ServerCreatePublicNetwork(ipv4=address, enable_ipv6=False),
    )
    assert response.root_password is None and response.action.command == "create_server"
    assert [action.command for action in response.next_actions] == ["start_server"]
    for action in [response.action, *response.next_actions]:
        done(action)
    server = client.servers.get_by_name("everyday-1")
    assert server.status == "running" and not server.locked and server.image.name == "debian-13"
    assert server.public_net.ipv4.ip == address.ip and server.public_net.ipv6 is None
    assert server.public_net.firewalls[0].firewall.id == firewall.id
    assert server.placement_group.id == group.id and server.location.name == "fsn1"
    refused("uniqueness_error", client.servers.create, "everyday-1", ServerType(name="cpx22"), Image(name="debian-13"))
    refused("invalid_input", client.servers.create, "a_b", ServerType(name="cpx22"), Image(name="debian-13"))

    done(server.attach_to_network(network, ip="10.0.1.20", alias_ips=["10.0.1.21"]))
    refused("server_already_attached", server.attach_to_network, network)
    server.reload()
    assert server.private_net[0].ip == "10.0.1.20" and server.private_net[0].mac_address
    done(server.change_alias_ips(network, alias_ips=[]))
    members = network.get_member_all()
    assert [(m.id, m.ip, m.subnet, m.status) for m in members] == [(server.id, "10.0.1.20", "10.0.1.0/24", "ok")]
    refused("service_error", network.delete_subnet, network.subnets[0])
    return server, address, firewall, group


def power(server, network):
    done(server.power_off())
    server.reload()
    assert server.status == "off"
    done(server.change_type(ServerType(name="cpx32"), upgrade_disk=False))
    server.reload()
    assert server.status == "off" and server.server_type.name == "cpx32" and server.primary_disk_size == 80
    done(server.power_on())
    refused("server_not_stopped", server.change_type, ServerType(name="cpx42"), upgrade_disk=False)
    done(server.reboot())
    done(server.reset())
    done(server.shutdown())
    for _ in range(1200):
        server.reload()
        if server.status == "off":
            break
        time.sleep(0.1)
    assert server.status == "off", server.status
    done(server.power_on())
    done(server.rebuild(Image(name="debian-13")).action)
    server.reload()
    assert server.status == "running" and server.private_net[0].network.id == network.id
    done(server.change_protection(delete=True, rebuild=True))
    refused("protected", server.delete)
    refused("protected", server.rebuild, Image(name="debian-13"))
    done(server.change_protection(delete=False, rebuild=False))
    for call in (server.enable_backup, server.enable_rescue, server.request_console, server.reset_password):
        refused("unsupported_error", call)
    refused("unsupported_error", server.create_image)
    done(server.disable_backup())


def firewalls(server, firewall):
    for action in firewall.set_rules([FirewallRule(direction="in", protocol="icmp", source_ips=["0.0.0.0/0"])]):
        done(action)
    target = FirewallResource(
        type="label_selector", label_selector=FirewallResourceLabelSelector(selector="test=everyday")
    )
    for action in firewall.apply_to_resources([target]):
        done(action)
    firewall.reload()
    assert {entry.type for entry in firewall.applied_to} == {"server", "label_selector"}
    error = refused("resource_in_use", firewall.delete)
    assert error.message == f"firewall with ID {firewall.id} is still in use"
    for action in firewall.remove_from_resources([target, FirewallResource(type="server", server=server)]):
        done(action)
    server.reload()
    assert server.public_net.firewalls == []
    assert firewall.delete()


def volumes(server):
    response = client.volumes.create(
        name="everyday", size=10, location=Location(name="fsn1"), format="ext4", labels={"test": "everyday"}
    )
    done(response.action)
    volume = response.volume
    done(volume.attach(server))
    volume.reload()
    assert volume.server.id == server.id and volume.status == Volume.STATUS_AVAILABLE
    assert volume.linux_device == f"/dev/disk/by-id/scsi-0HC_Volume_{volume.id}" and volume.format == "ext4"
    refused("volume_already_attached", volume.attach, server)
    refused("invalid_input", volume.resize, 5)
    done(volume.resize(12))
    refused("service_error", volume.delete)
    done(volume.detach())
    volume.reload()
    assert volume.server is None and volume.size == 12
    done(volume.change_protection(delete=True))
    refused("protected", volume.delete)
    done(volume.change_protection(delete=False))
    assert volume.delete()


def certificates():
    with open(os.environ["CERTIFICATE"]) as certificate, open(os.environ["PRIVATE_KEY"]) as key:
        pair = {"certificate": certificate.read(), "private_key": key.read()}
    certificate = client.certificates.create(name="everyday", labels={"test": "everyday"}, **pair)
    assert certificate.domain_names == ["everyday.example"]
    assert client.certificates.get_by_name("everyday").fingerprint == certificate.fingerprint
    refused("uniqueness_error", client.certificates.create, name="everyday", **pair)
    refused("unsupported_error", client.certificates.create_managed, name="other", domain_names=["a.example"])
    assert certificate.update(name="everyday-2").name == "everyday-2"
    return certificate


def http_service(port, **more):
    check = LoadBalancerHealthCheck(
        protocol="http", port=port, interval=3, timeout=2, retries=1,
        http=LoadBalancerHealthCheckHttp(domain="", path="/", response="", status_codes=["2??"], tls=False),
    )
    return LoadBalancerService(
        protocol="http", listen_port=port, destination_port=port, proxyprotocol=False, health_check=check, **more
    )


def load_balancers(server, network, certificate):
    response = client.load_balancers.create(
        name="everyday",
        load_balancer_type=LoadBalancerType(name="lb11"),
        location=Location(name="fsn1"),
        algorithm=LoadBalancerAlgorithm(type="round_robin"),
        labels={"test": "everyday"},
        services=[http_service(80)],
    )
    assert response.action.command == "create_load_balancer"
    done(response.action)
    balancer = client.load_balancers.get_by_name("everyday")
    assert balancer.public_net.enabled and balancer.public_net.ipv4.ip.startswith("198.")
    assert balancer.services[0].health_check.http.status_codes == ["2??"]
    refused("source_port_already_used", balancer.add_service, http_service(80))
    https = http_service(443, http=LoadBalancerServiceHttp(certificates=[certificate], redirect_http=False))
    https.protocol = "https"
    done(balancer.add_service(https))
    refused("resource_in_use", certificate.delete)

    by_label = LoadBalancerTarget(
        type="label_selector",
        label_selector=LoadBalancerTargetLabelSelector(selector="test=everyday"),
        use_private_ip=True,
    )
    refused("load_balancer_not_attached_to_network", balancer.add_target, by_label)
    done(balancer.attach_to_network(network, ip="10.0.1.200"))
    refused("load_balancer_already_attached", balancer.attach_to_network, network)
    done(balancer.add_target(by_label))
    refused("target_already_defined", balancer.add_target, by_label)
    balancer.reload()
    assert balancer.private_net[0].ip == "10.0.1.200"
    assert [target.server.id for target in balancer.targets[0].targets] == [server.id]
    assert [status.listen_port for status in balancer.targets[0].targets[0].health_status] == [80, 443]
    server.reload()
    network.reload()
    assert [member.id for member in network.get_member_all() if member.type == "load_balancer"] == [balancer.id]
    done(balancer.disable_public_interface())
    done(balancer.enable_public_interface())

    service = http_service(80)
    service.health_check.retries = 5
    done(balancer.update_service(service))
    done(balancer.delete_service(https))
    done(balancer.change_algorithm(LoadBalancerAlgorithm(type="least_connections")))
    done(balancer.change_type(LoadBalancerType(name="lb21")))
    refused("unsupported_error", balancer.change_dns_ptr, balancer.public_net.ipv4.ip, "a.example")
    refused("unsupported_error", balancer.get_metrics, "requests", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")
    done(balancer.change_protection(delete=True))
    refused("protected", balancer.delete)
    done(balancer.change_protection(delete=False))
    assert balancer.update(name="everyday-2", labels={"test": "everyday", "n": "2"}).name == "everyday-2"
    balancer.reload()
    assert balancer.services[0].health_check.retries == 5 and balancer.algorithm.type == "least_connections"
    assert balancer.load_balancer_type.name == "lb21"
    assert [b.id for b in client.load_balancers.get_all(label_selector="n=2")] == [balancer.id]
    done(balancer.remove_target(by_label))
    done(balancer.detach_from_network(network))
    gone = balancer.id
    assert balancer.delete() and certificate.delete()
    refused("not_found", client.load_balancers.get_by_id, gone)


def zones():
    response = client.zones.create(name="everyday.test", mode="primary", labels={"test": "everyday"})
    done(response.action)
    zone = client.zones.get("everyday.test")
    assert zone.id == response.zone.id and zone.record_count == 4
    records = [ZoneRecord(value="192.0.2.1", comment="first")]
    created = zone.create_rrset(name="www", type="A", ttl=300, records=records)
    done(created.action)
    rrset = zone.get_rrset("www", "A")
    assert rrset.records[0].value == "192.0.2.1" and rrset.ttl == 300
    done(rrset.set_rrset_records([ZoneRecord(value="192.0.2.2")]))
    assert zone.get_rrset("www", "A").records[0].value == "192.0.2.2"
    refused("uniqueness_error", zone.create_rrset, name="www", type="A", records=records)
    refused("unsupported_error", zone.export_zonefile)
    done(rrset.delete_rrset().action)
    done(zone.change_ttl(600))
    done(zone.delete().action)
    refused("not_found", client.zones.get, "everyday.test")


def pages(key):
    created = []
    for n in range(30):
        created.append(client.placement_groups.create(name=f"page-{n:02}", type="spread", labels={"n": str(n)}))
    first = client.placement_groups.get_list(label_selector="n", page=1, per_page=20, sort=["name:desc"])
    assert len(first.placement_groups) == 20 and first.placement_groups[0].name == "page-29"
    assert first.meta.pagination.total_entries == 30 and first.meta.pagination.next_page == 2
    assert len(client.placement_groups.get_all(label_selector="n")) == 30
    assert [g.name for g in client.placement_groups.get_all(label_selector="n in (3, 7)")] == ["page-03", "page-07"]
    refused("invalid_input", client.placement_groups.get_all, label_selector="n in (")
    for response in created:
        assert response.placement_group.delete()


def addresses(server, address):
    refused("server_not_stopped", address.unassign)
    done(server.power_off())
    refused("must_be_unassigned", address.delete)
    done(address.unassign())
    server.reload()
    assert server.public_net.ipv4 is None
    done(address.assign(assignee_id=server.id, assignee_type="server"))
    six = client.primary_ips.create(
        name="everyday-6", type="ipv6", assignee_id=server.id, assignee_type="server", auto_delete=True
    )
    done(six.action)
    server.reload()
    assert server.public_net.ipv6.ip == six.primary_ip.ip and server.public_net.ipv4.ip == address.ip
    done(server.power_on())
    assert address.update(name="everyday-2", auto_delete=False).name == "everyday-2"
    return six.primary_ip


def ending(server, network, address, six, group, key):
    gone = server.id
    done(server.delete())
    refused("not_found", client.servers.get_by_id, gone)
    refused("not_found", client.primary_ips.get_by_id, six.id)
    address.reload()
    assert address.assignee_id is None
    assert address.delete() and network.delete() and group.delete() and key.delete()
    collections = [client.servers, client.networks, client.volumes, client.primary_ips, client.firewalls]
    for collection in [*collections, client.load_balancers, client.certificates]:
        assert collection.get_all(label_selector="test=everyday") == []


def main():
    catalogue()
    key = ssh_keys(os.environ["PUBLIC_KEY"])
    network = networks()
    server, address, firewall, group = servers(key, network)
    power(server, network)
    volumes(server)
    firewalls(server, firewall)
    load_balancers(server, network, certificates())
    zones()
    pages(key)
    six = addresses(server, address)
    ending(server, network, address, six, group, key)
    bad = Client(token="x" * 64, api_endpoint=os.environ["HCLOUD_ENDPOINT"])
    refused("unauthorized", bad.servers.get_all)
    refused("not_found", client.actions.get_by_id, 1)
    print("ok")


main()
