# The seven images of one commit, by `make images`: docs/operations/containers.md. Beside compose it has to be named, -f docker-bake.hcl.
#
#     make images                       for this machine, into its docker
#     make images ARGS=inventory        what each holds, as files in dist/inventory
#     make images ARGS=release          for amd64 and arm64, pushed to REGISTRY with provenance

variable "REGISTRY" { default = "" }      # registry.example/crm/, with its slash
variable "VERSION" { default = "latest" } # the tag, as CRM_VERSION says it to compose
variable "REVISION" { default = "" }      # git rev-parse HEAD
variable "CREATED" { default = "" }       # the commit's time: the same commit makes the same image
variable "SOURCE" { default = "" }        # where the source is to be read
variable "CRM_PYTHON_IMAGE" { default = "python:3.13-slim" }

group "default" { targets = ["image"] }

target "build" {
  context = "."
  args = {
    PYTHON_IMAGE = CRM_PYTHON_IMAGE
    VERSION      = VERSION
    REVISION     = REVISION
    CREATED      = CREATED
    SOURCE       = SOURCE
  }
}

target "image" {
  name     = "crm-${service}"
  matrix   = { service = ["contacts", "deals", "activities", "search", "reporting", "issuer", "canary"] }
  inherits = ["build"]
  args     = { SERVICE = service }
  tags     = ["${REGISTRY}crm-${service}:${VERSION}"]
}

target "inventory" {
  name     = "inventory-${service}"
  matrix   = { service = ["contacts", "deals", "activities", "search", "reporting", "issuer", "canary"] }
  inherits = ["build"]
  args     = { SERVICE = service }
  target   = "inventory"
  output   = ["type=local,dest=dist/inventory/crm-${service}"]
}

target "release" {
  name      = "release-${service}"
  matrix    = { service = ["contacts", "deals", "activities", "search", "reporting", "issuer", "canary"] }
  inherits  = ["crm-${service}"]
  platforms = ["linux/amd64", "linux/arm64"]
  output    = ["type=registry,rewrite-timestamp=true"]
  attest    = ["type=provenance,mode=max"]
}
