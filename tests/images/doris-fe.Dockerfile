# As the vendor's docker/runtime/fe/Dockerfile leaves it: root runs it, and a script of the vendor's starts it.
FROM scratch
ADD root.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY fe /opt/apache-doris/fe
COPY init_fe.sh /opt/apache-doris/
WORKDIR /opt/apache-doris
ENTRYPOINT ["bash", "init_fe.sh"]
