# What TestTerraform applies; second.tf changes it.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" {}

provider "aws" {
  region     = "us-east-1"
  access_key = "AKIAIOSFODNN7EXAMPLE"
  secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
  endpoints {
    ec2 = var.endpoint
    iam = var.endpoint
    sts = var.endpoint
  }
  max_retries = 1
  default_tags {
    tags = { Project = "clients" }
  }
}

data "aws_caller_identity" "me" {}
data "aws_region" "here" {}
data "aws_partition" "here" {}
data "aws_availability_zones" "all" { state = "available" }

data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"]
  filter {
    name   = "name"
    values = ["debian-13-amd64-*"]
  }
  filter {
    name   = "virtualization-type"
    values = ["hvm"]
  }
}
data "aws_ec2_instance_type" "small" { instance_type = "t3.small" }
data "aws_ec2_instance_type_offerings" "here" {
  filter {
    name   = "instance-type"
    values = ["t3.small"]
  }
  location_type = "availability-zone"
}

resource "aws_vpc" "a" {
  cidr_block                       = "10.0.0.0/16"
  enable_dns_hostnames             = true
  enable_dns_support               = true
  assign_generated_ipv6_cidr_block = true
  tags                             = { Name = "a" }
}

resource "aws_vpc_ipv4_cidr_block_association" "more" {
  vpc_id     = aws_vpc.a.id
  cidr_block = "10.1.0.0/16"
}

resource "aws_vpc" "b" {
  cidr_block = "10.8.0.0/16"
}

resource "aws_default_security_group" "b" {
  vpc_id = aws_vpc.b.id
}

resource "aws_default_route_table" "b" {
  default_route_table_id = aws_vpc.b.default_route_table_id
  route {
    cidr_block           = "10.9.0.0/16"
    network_interface_id = aws_network_interface.router.id
  }
  tags = { Name = "b" }
}

resource "aws_subnet" "b" {
  vpc_id     = aws_vpc.b.id
  cidr_block = "10.8.1.0/24"
}

resource "aws_network_interface" "router" {
  subnet_id         = aws_subnet.b.id
  source_dest_check = false
}

resource "aws_subnet" "public" {
  vpc_id                                      = aws_vpc.a.id
  cidr_block                                  = "10.0.1.0/24"
  ipv6_cidr_block                             = cidrsubnet(aws_vpc.a.ipv6_cidr_block, 8, 1)
  availability_zone                           = data.aws_availability_zones.all.names[0]
  map_public_ip_on_launch                     = true
  assign_ipv6_address_on_creation             = true
  enable_resource_name_dns_a_record_on_launch = true
  tags                                        = { Name = "public" }
}

resource "aws_subnet" "private" {
  vpc_id                              = aws_vpc.a.id
  cidr_block                          = "10.0.2.0/24"
  availability_zone                   = data.aws_availability_zones.all.names[1]
  private_dns_hostname_type_on_launch = "resource-name"
}

resource "aws_ec2_subnet_cidr_reservation" "r" {
  subnet_id        = aws_subnet.public.id
  cidr_block       = "10.0.1.64/28"
  reservation_type = "explicit"
}

resource "aws_internet_gateway" "a" {
  vpc_id = aws_vpc.a.id
}

resource "aws_eip" "nat" {
  domain     = "vpc"
  depends_on = [aws_internet_gateway.a]
}

resource "aws_nat_gateway" "a" {
  subnet_id     = aws_subnet.public.id
  allocation_id = aws_eip.nat.id
  depends_on    = [aws_internet_gateway.a]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.a.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.a.id
  }
  route {
    ipv6_cidr_block = "::/0"
    gateway_id      = aws_internet_gateway.a.id
  }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.a.id
}

resource "aws_route" "nat" {
  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.a.id
}

resource "aws_route_table_association" "public" {
  route_table_id = aws_route_table.public.id
  subnet_id      = aws_subnet.public.id
}

resource "aws_route_table_association" "private" {
  route_table_id = aws_route_table.private.id
  subnet_id      = aws_subnet.private.id
}

resource "aws_main_route_table_association" "a" {
  vpc_id         = aws_vpc.a.id
  route_table_id = aws_route_table.private.id
}

resource "aws_security_group" "web" {
  name        = "web"
  description = "web"
  vpc_id      = aws_vpc.a.id
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8"]
    description = "ssh"
  }
  ingress {
    from_port        = 80
    to_port          = 80
    protocol         = "tcp"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
  ingress {
    from_port = 0
    to_port   = 0
    protocol  = "-1"
    self      = true
  }
  egress {
    from_port        = 0
    to_port          = 0
    protocol         = "-1"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
}

resource "aws_security_group" "app" {
  name_prefix = "app-"
  vpc_id      = aws_vpc.a.id
}

resource "aws_security_group_rule" "app" {
  type                     = "ingress"
  security_group_id        = aws_security_group.app.id
  source_security_group_id = aws_security_group.web.id
  protocol                 = "tcp"
  from_port                = 8080
  to_port                  = 8080
}

resource "aws_vpc_security_group_ingress_rule" "app" {
  security_group_id = aws_security_group.app.id
  cidr_ipv4         = "10.0.0.0/16"
  ip_protocol       = "icmp"
  from_port         = -1
  to_port           = -1
  description       = "ping"
  tags              = { Name = "ping" }
}

resource "aws_vpc_security_group_egress_rule" "app" {
  security_group_id = aws_security_group.app.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_network_interface" "spare" {
  subnet_id         = aws_subnet.public.id
  private_ips_count = 2
  security_groups   = [aws_security_group.app.id]
  source_dest_check = false
  description       = "spare"
}

resource "aws_network_interface" "second" {
  subnet_id       = aws_subnet.public.id
  private_ips     = ["10.0.1.30", "10.0.1.31"]
  security_groups = [aws_security_group.app.id]
  attachment {
    instance     = aws_instance.web.id
    device_index = 1
  }
}

resource "aws_eip" "web" {
  domain = "vpc"
}

resource "aws_eip_association" "web" {
  allocation_id = aws_eip.web.id
  instance_id   = aws_instance.web.id
}

resource "aws_eip" "second" {
  domain                    = "vpc"
  network_interface         = aws_network_interface.second.id
  associate_with_private_ip = "10.0.1.31"
  depends_on                = [aws_internet_gateway.a]
}

resource "aws_key_pair" "k" {
  key_name   = "k"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrD0w2SB7WAUsbEETrgiP+tCE+gkGGlZrzMAAKFj5Xi me@here"
}

resource "aws_iam_role" "node" {
  name = "node"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Action = "sts:AssumeRole", Effect = "Allow", Principal = { Service = ["ec2.amazonaws.com"] }
    }]
  })
}

resource "aws_iam_role_policy" "inline" {
  name   = "look"
  role   = aws_iam_role.node.id
  policy = data.aws_iam_policy_document.look.json
}

data "aws_iam_policy_document" "look" {
  statement {
    actions   = ["ec2:Describe*"]
    resources = ["*"]
  }
}

resource "aws_iam_policy" "look" {
  name   = "look"
  path   = "/clients/"
  policy = data.aws_iam_policy_document.look.json
}

resource "aws_iam_role_policy_attachment" "look" {
  role       = aws_iam_role.node.name
  policy_arn = aws_iam_policy.look.arn
}

resource "aws_iam_role_policy_attachment" "managed" {
  role       = aws_iam_role.node.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
}

resource "aws_iam_instance_profile" "node" {
  name = "node"
  role = aws_iam_role.node.name
}

resource "aws_instance" "web" {
  ami                    = data.aws_ami.debian.id
  instance_type          = "t3.small"
  subnet_id              = aws_subnet.public.id
  vpc_security_group_ids = [aws_security_group.web.id]
  key_name               = aws_key_pair.k.key_name
  iam_instance_profile   = aws_iam_instance_profile.node.name
  private_ip             = "10.0.1.20"
  user_data              = "#!/bin/sh\necho hello\n"
  root_block_device {
    volume_size = 20
    volume_type = "gp3"
    tags        = { Name = "root" }
  }
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  tags        = { Name = "web" }
  volume_tags = null
}

resource "aws_network_interface" "third" {
  subnet_id   = aws_subnet.public.id
  private_ips = ["10.0.1.40"]
}

resource "aws_network_interface_attachment" "third" {
  instance_id          = aws_instance.web.id
  network_interface_id = aws_network_interface.third.id
  device_index         = 2
}

resource "aws_network_interface_sg_attachment" "third" {
  security_group_id    = aws_security_group.web.id
  network_interface_id = aws_network_interface.third.id
}

resource "aws_iam_user" "u" {
  name = "u"
}

resource "aws_iam_access_key" "u" {
  user = aws_iam_user.u.name
}

resource "aws_iam_user_policy_attachment" "u" {
  user       = aws_iam_user.u.name
  policy_arn = aws_iam_policy.look.arn
}

data "aws_vpc" "a" { id = aws_vpc.a.id }
data "aws_subnets" "a" {
  filter {
    name   = "vpc-id"
    values = [aws_vpc.a.id]
  }
  depends_on = [aws_subnet.private]
}
data "aws_subnet" "public" { id = aws_subnet.public.id }
data "aws_security_groups" "a" {
  filter {
    name   = "vpc-id"
    values = [aws_vpc.a.id]
  }
}
data "aws_route_table" "public" {
  subnet_id  = aws_subnet.public.id
  depends_on = [aws_route_table_association.public]
}
data "aws_instance" "web" { instance_id = aws_instance.web.id }
data "aws_network_interface" "second" { id = aws_network_interface.second.id }
data "aws_eip" "web" { id = aws_eip.web.id }
data "aws_internet_gateway" "a" {
  internet_gateway_id = aws_internet_gateway.a.id
}
data "aws_nat_gateway" "a" { id = aws_nat_gateway.a.id }
data "aws_key_pair" "k" { key_name = aws_key_pair.k.key_name }
data "aws_iam_role" "node" { name = aws_iam_role.node.name }
data "aws_iam_instance_profile" "node" { name = aws_iam_instance_profile.node.name }
data "aws_iam_policy" "look" { arn = aws_iam_policy.look.arn }
