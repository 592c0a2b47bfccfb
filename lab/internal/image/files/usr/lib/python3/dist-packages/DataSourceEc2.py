# cloud-init's own EC2 data source, told that this is AWS. It learns that from
# firmware tables, which it does not read in a container, as machines of the lab
# are; not knowing, it would ask for metadata without a token, and get none.
from cloudinit.sources import DataSourceEc2 as ec2

ec2.identify_platform = lambda: ec2.CloudNames.AWS
get_datasource_list = ec2.get_datasource_list
