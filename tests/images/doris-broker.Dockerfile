# As the vendor's docker/runtime/broker/Dockerfile leaves it: root runs it, and a script of the vendor's starts it.
FROM scratch
ADD root.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY apache_hdfs_broker /opt/apache-doris/apache_hdfs_broker
COPY init_broker.sh /opt/apache-doris/
WORKDIR /opt/apache-doris
ENTRYPOINT ["bash", "init_broker.sh"]
