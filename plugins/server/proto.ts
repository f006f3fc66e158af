/**
 * The protocol's generated messages. They ship inside @pulumi/pulumi but are no documented API, so this is the
 * only file that imports them, and the package is pinned to an exact version.
 */
import enginegrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engine from "@pulumi/pulumi/proto/engine_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import providergrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import status from "@pulumi/pulumi/proto/status_pb.js";
import any from "google-protobuf/google/protobuf/any_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";

export type { LogSeverity } from "@pulumi/pulumi/proto/engine_pb.js";
export type * as requests from "@pulumi/pulumi/proto/provider_pb.js";
export type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
export { any, empty, engine, enginegrpc, plugin, provider, providergrpc, status, struct };
