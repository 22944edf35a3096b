# As the vendor's docker/runtime/be/Dockerfile leaves it: root runs it, and a script of the vendor's starts it.
FROM scratch
ADD root.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY be /opt/apache-doris/be
COPY entry_point.sh /opt/apache-doris/
WORKDIR /opt/apache-doris
ENTRYPOINT ["bash", "entry_point.sh"]
