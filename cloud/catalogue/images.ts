/** A system image as `GET /images` gives it. */
export interface Image {
  id: number;
  type: "system";
  status: "available";
  name: string;
  description: string;
  image_size: null;
  /** GB. */
  disk_size: number;
  created: string;
  created_from: null;
  bound_to: null;
  os_flavor: string;
  os_version: string;
  rapid_deploy: boolean;
  protection: { delete: boolean };
  deprecated: null;
  deprecation: null;
  labels: Record<string, string>;
  deleted: null;
  architecture: "x86";
}

/** The images that machines can be made of; the id is the one that Hetzner's image has. */
export const images: readonly Image[] = [
  {
    id: 310557660,
    type: "system",
    status: "available",
    name: "debian-13",
    description: "Debian 13",
    image_size: null,
    disk_size: 5,
    created: "2025-08-12T10:00:00Z",
    created_from: null,
    bound_to: null,
    os_flavor: "debian",
    os_version: "13",
    rapid_deploy: true,
    protection: { delete: false },
    deprecated: null,
    deprecation: null,
    labels: {},
    deleted: null,
    architecture: "x86",
  },
];
