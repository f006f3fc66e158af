"""The everyday calls of Hetzner's own Python client, against the endpoint in HCLOUD_ENDPOINT.

Every step asserts what the client makes of the replies. Ends with the line "ok", or with a traceback.
"""

import os
import time

from hcloud import APIException, Client
from hcloud.firewalls import FirewallResource, FirewallResourceLabelSelector, FirewallRule
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.networks import NetworkRoute, NetworkSubnet
from hcloud.server_types import ServerType
from hcloud.servers import ServerCreatePublicNetwork
from hcloud.volumes import Volume

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
    assert client.floating_ips.get_all() == client.certificates.get_all() == client.isos.get_all() == []
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
    for collection in (client.servers, client.networks, client.volumes, client.primary_ips, client.firewalls):
        assert collection.get_all(label_selector="test=everyday") == []


def main():
    catalogue()
    key = ssh_keys(os.environ["PUBLIC_KEY"])
    network = networks()
    server, address, firewall, group = servers(key, network)
    power(server, network)
    volumes(server)
    firewalls(server, firewall)
    pages(key)
    six = addresses(server, address)
    ending(server, network, address, six, group, key)
    bad = Client(token="x" * 64, api_endpoint=os.environ["HCLOUD_ENDPOINT"])
    refused("unauthorized", bad.servers.get_all)
    refused("not_found", client.actions.get_by_id, 1)
    print("ok")


main()
